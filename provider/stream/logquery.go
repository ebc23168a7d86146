package stream

import (
	"net/http"
	"net/url"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// parseLogQuery reads the query of a request for a container's log by a kubelet's
// rules, also its odd ones: any value of follow, previous and timestamps means
// yes, but "0" and "false"; tail is an old name of tailLines; and what is not
// known is ignored. virtual-kubelet's own reading cannot tell tailLines=0 from
// no tailLines. The error is a refusal.
func parseLogQuery(query url.Values) (*corev1.PodLogOptions, error) {
	var options corev1.PodLogOptions
	for key, field := range map[string]*bool{"follow": &options.Follow, "previous": &options.Previous, "timestamps": &options.Timestamps} {
		values := query[key]
		if err := runtime.Convert_Slice_string_To_bool(&values, field, nil); err != nil {
			return nil, undecodable(key, err)
		}
	}
	for key, field := range map[string]**int64{"sinceSeconds": &options.SinceSeconds, "limitBytes": &options.LimitBytes} {
		values := query[key]
		if err := runtime.Convert_Slice_string_To_Pointer_int64(&values, field, nil); err != nil {
			return nil, undecodable(key, err)
		}
	}
	lines := tailLines(query)
	if err := runtime.Convert_Slice_string_To_Pointer_int64(&lines, &options.TailLines, nil); err != nil {
		return nil, undecodable("tailLines", err)
	}
	if values := query["sinceTime"]; len(values) > 0 {
		if err := metav1.Convert_Slice_string_To_Pointer_v1_Time(&values, &options.SinceTime, nil); err != nil {
			return nil, undecodable("sinceTime", err)
		}
	}
	if stream := query.Get("stream"); stream != "" {
		options.Stream = &stream
	}
	return &options, validateLogOptions(&options)
}

func tailLines(query url.Values) []string {
	switch tail := query.Get("tail"); tail {
	case "":
		return query["tailLines"]
	case "all":
		return nil
	default:
		return []string{tail}
	}
}

func undecodable(key string, err error) error {
	return refuse(http.StatusBadRequest, "unable to decode query: %s: %s", key, err)
}

// validateLogOptions refuses what the API would. Which streams there are is for
// the downstream cluster to say.
func validateLogOptions(o *corev1.PodLogOptions) error {
	invalid := func(why string) error {
		return refuse(http.StatusUnprocessableEntity, "invalid request: %s", why)
	}
	switch {
	case o.TailLines != nil && *o.TailLines < 0:
		return invalid("tailLines must be at least 0")
	case o.LimitBytes != nil && *o.LimitBytes < 1:
		return invalid("limitBytes must be greater than 0")
	case o.SinceSeconds != nil && o.SinceTime != nil:
		return invalid("at most one of sinceTime and sinceSeconds may be specified")
	case o.SinceSeconds != nil && *o.SinceSeconds < 1:
		return invalid("sinceSeconds must be greater than 0")
	}
	return nil
}
