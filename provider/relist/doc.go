// Package relist has informers catch up at once with an API server that was away, that
// forgot where their watch was, or whose list was wrong.
//
// An informer of client-go has two habits that are too slow for what rests on it here.
// When its watch breaks or has expired (410) it pauses before it asks again, longer each
// time and finally for up to a minute, until two minutes have passed without a pause: an
// API server that is restarted three times in a row, or a load balancer that resets
// connections, would leave us that long with what was true before. And it believes every
// list: what an API server left out by mistake, whose own cache was not filled, it
// learns of when that changes.
//
//	source.go   lists and watches for one informer, and knows what it was told
//	watch.go    goes on where a watch broke, or after a 410 with what has changed since
//	doubt.go    when to list again because a list lacked too much, or because somebody
//	            found what it lacked
//
// The package refuses to hide anything from the informer: what a list lacks is
// deleted from its store, be it true or not. Such an object is handed to handlers
// without a UID, since nobody said that it was deleted; one whose deletion the API
// server announced has its UID. From lists that it makes itself an informer hands over
// toolscache.DeletedFinalStateUnknown for the same.
package relist
