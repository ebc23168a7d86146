package sidecar

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validatePorts(ports []corev1.ContainerPort, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := make(map[string]bool, len(ports))
	for i, port := range ports {
		path := path.Index(i)
		if port.Name != "" {
			errs = append(errs, refused(path.Child("name"), port.Name, validation.IsValidPortName(port.Name))...)
			if seen[port.Name] {
				errs = append(errs, field.Duplicate(path.Child("name"), port.Name))
			}
			seen[port.Name] = true
		}
		if port.ContainerPort == 0 {
			errs = append(errs, field.Required(path.Child("containerPort"), "give the port that the container listens on"))
		} else {
			errs = append(errs, refused(path.Child("containerPort"), port.ContainerPort, validation.IsValidPortNum(int(port.ContainerPort)))...)
		}
		if port.HostPort != 0 {
			errs = append(errs, refused(path.Child("hostPort"), port.HostPort, validation.IsValidPortNum(int(port.HostPort)))...)
		}
		errs = append(errs, oneOf(path.Child("protocol"), port.Protocol, corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP)...)
	}
	return errs
}

// probeRule is what one kind of probe has to be beyond the others.
type probeRule func(probe *corev1.Probe, path *field.Path) field.ErrorList

// onlyOneSuccess is about probes that end a container or let it begin. A startup
// probe has no defaults in a set, and 0 stands for 1.
func onlyOneSuccess(probe *corev1.Probe, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if probe.SuccessThreshold > 1 {
		errs = append(errs, field.Invalid(path.Child("successThreshold"), probe.SuccessThreshold, "must be 1"))
	}
	if grace := probe.TerminationGracePeriodSeconds; grace != nil && *grace <= 0 {
		errs = append(errs, field.Invalid(path.Child("terminationGracePeriodSeconds"), *grace, "must be greater than 0"))
	}
	return errs
}

// noGracePeriod is about probes that end nothing.
func noGracePeriod(probe *corev1.Probe, path *field.Path) field.ErrorList {
	if grace := probe.TerminationGracePeriodSeconds; grace != nil {
		return field.ErrorList{field.Forbidden(path.Child("terminationGracePeriodSeconds"), "is not for readiness probes, which end no container")}
	}
	return nil
}

func validateProbe(probe *corev1.Probe, rule probeRule, path *field.Path) field.ErrorList {
	if probe == nil {
		return nil
	}
	errs := validateHandler(handler{exec: probe.Exec, httpGet: probe.HTTPGet, tcpSocket: probe.TCPSocket, grpc: probe.GRPC}, path)
	for _, number := range []struct {
		name  string
		value int32
	}{
		{"initialDelaySeconds", probe.InitialDelaySeconds},
		{"timeoutSeconds", probe.TimeoutSeconds},
		{"periodSeconds", probe.PeriodSeconds},
		{"successThreshold", probe.SuccessThreshold},
		{"failureThreshold", probe.FailureThreshold},
	} {
		if number.value < 0 {
			errs = append(errs, field.Invalid(path.Child(number.name), number.value, "must not be negative"))
		}
	}
	return append(errs, rule(probe, path)...)
}

func validateLifecycle(lifecycle *corev1.Lifecycle, path *field.Path) field.ErrorList {
	if lifecycle == nil {
		return nil
	}
	errs := validateHook(lifecycle.PostStart, path.Child("postStart"))
	errs = append(errs, validateHook(lifecycle.PreStop, path.Child("preStop"))...)
	if lifecycle.StopSignal != nil {
		errs = append(errs, field.Forbidden(path.Child("stopSignal"), "is only for pods that give spec.os.name, which a SidecarSet cannot require; remove it"))
	}
	return errs
}

func validateHook(hook *corev1.LifecycleHandler, path *field.Path) field.ErrorList {
	if hook == nil {
		return nil
	}
	return validateHandler(handler{exec: hook.Exec, httpGet: hook.HTTPGet, tcpSocket: hook.TCPSocket, sleep: hook.Sleep}, path)
}

// handler is what probes and hooks do, of which each does one thing.
type handler struct {
	exec      *corev1.ExecAction
	httpGet   *corev1.HTTPGetAction
	tcpSocket *corev1.TCPSocketAction
	grpc      *corev1.GRPCAction
	sleep     *corev1.SleepAction
}

func validateHandler(h handler, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	var given []string
	if h.exec != nil {
		given = append(given, "exec")
		if len(h.exec.Command) == 0 {
			errs = append(errs, field.Required(path.Child("exec", "command"), "give the command and its arguments"))
		}
	}
	if h.httpGet != nil {
		given = append(given, "httpGet")
		errs = append(errs, validateHTTPGet(h.httpGet, path.Child("httpGet"))...)
	}
	if h.tcpSocket != nil {
		given = append(given, "tcpSocket")
		errs = append(errs, validatePort(h.tcpSocket.Port, path.Child("tcpSocket", "port"))...)
	}
	if h.grpc != nil {
		given = append(given, "grpc")
		errs = append(errs, refused(path.Child("grpc", "port"), h.grpc.Port, validation.IsValidPortNum(int(h.grpc.Port)))...)
		if mode := h.grpc.Mode; mode != nil {
			errs = append(errs, oneOf(path.Child("grpc", "mode"), *mode, corev1.GRPCProbeModePlaintext, corev1.GRPCProbeModeTLS)...)
		}
	}
	if h.sleep != nil {
		given = append(given, "sleep")
		if h.sleep.Seconds < 0 {
			errs = append(errs, field.Invalid(path.Child("sleep", "seconds"), h.sleep.Seconds, "must not be negative"))
		}
	}
	return append(errs, onlyOne(given, "say what is done, by one of exec, httpGet, tcpSocket, grpc (probes), sleep (hooks)", path)...)
}

// validateHTTPGet takes an empty scheme and path for the defaults, which startup
// probes in sets have not.
func validateHTTPGet(get *corev1.HTTPGetAction, path *field.Path) field.ErrorList {
	errs := validatePort(get.Port, path.Child("port"))
	if get.Scheme != "" {
		errs = append(errs, oneOf(path.Child("scheme"), get.Scheme, corev1.URISchemeHTTP, corev1.URISchemeHTTPS)...)
	}
	if get.Protocol != nil {
		errs = append(errs, oneOf(path.Child("protocol"), *get.Protocol, corev1.HTTPProtocolHTTP1, corev1.HTTPProtocolHTTP2)...)
	}
	for i, header := range get.HTTPHeaders {
		errs = append(errs, refused(path.Child("httpHeaders").Index(i).Child("name"), header.Name, validation.IsHTTPHeaderName(header.Name))...)
	}
	return errs
}

func validatePort(port intstr.IntOrString, path *field.Path) field.ErrorList {
	if port.Type == intstr.String {
		return refused(path, port.StrVal, validation.IsValidPortName(port.StrVal))
	}
	return refused(path, port.IntVal, validation.IsValidPortNum(int(port.IntVal)))
}
