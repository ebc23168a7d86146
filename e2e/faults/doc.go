// Package faults puts a proxy between one process of ours and one API server,
// which does to the requests what networks, load balancers, credentials and API
// servers do on bad days. A Proxy without a Fault changes nothing: the process
// sees what it would see directly, over HTTP/2 or 1.1, with watches, protobuf
// and upgraded connections.
//
// What each fault stands for:
//
//   - Latency: a far or overloaded API server, a congested link.
//   - Unavailable: an API server that starts, is overloaded, or has lost etcd.
//   - Reset: a load balancer that forgets its connections, an API server killed
//     while it works. The half whose answer is lost after the request was carried
//     out is what makes careless clients do things twice.
//   - Silent: a firewall or a cut cable; nobody says that the other end is gone.
//     Deadlines and HTTP/2 pings are all a client has. With Only: an API
//     server stuck in some requests.
//   - Refused: the API server is down, its machine is up.
//   - EmptyLists, TruncatedLists: an API server whose cache is not filled, an
//     etcd restored from nothing or an old backup, a paging bug. Nothing
//     about such an answer is wrong but the answer. A client that deletes what is
//     not in a list deletes what it should not.
//   - ExpireWatches: etcd was compacted while the client was away.
//   - Unauthorized: credentials expired or revoked; Forbidden: a role was taken away.
//
// Where several faults meet in one request, latencies add up; then the first of
// Refused, Silent, Unauthorized, Forbidden, Unavailable, Reset, ExpireWatches and
// shortened lists decides, and of two shares of missing items the larger.
//
// What it does not pretend: the proxy listens also while the API server behind it
// does not. A request that cannot be delivered then has its connection reset;
// inject Refused as well to have the process see what it would see directly.
//
// Random choices are drawn from a generator seeded by Options.Seed, one for each
// share that applies to a request, in the order of arrival. The same requests
// in the same order meet the same faults; requests that race each other need not.
//
// The proxy acts with the rights of Options.Target and of nobody else, so it
// takes only requests with the random token of its kubeconfig. It listens on
// loopback only.
package faults
