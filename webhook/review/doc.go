// Package review reads AdmissionReviews of pods no further than they are needed: the
// request without its object, the head of the pod, by which most pods that are not
// ours are told, and the rest only of those that are.
//
// It decodes nothing by itself: it finds where in the JSON things are, and has the
// decoder of Kubernetes read those parts alone. It refuses to understand what is not
// as API servers write it, such as a name that is there twice or that is written with
// escapes: that is for those who decode the whole, and say what is wrong.
package review
