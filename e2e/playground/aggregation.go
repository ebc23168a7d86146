package playground

import "errors"

// frontProxyName is how the API server introduces itself to the servers of
// aggregated APIs.
const frontProxyName = "front-proxy-client"

// writeFrontProxy makes what the API server shows to the servers of aggregated
// APIs. It has an authority of its own: whoever it certifies is believed to speak
// for any user.
func (c *Cluster) writeFrontProxy() error {
	if !c.aggregation {
		return nil
	}
	ca, err := newAuthority("front-proxy")
	if err != nil {
		return err
	}
	client, err := ca.issueClient(frontProxyName)
	if err != nil {
		return err
	}
	return errors.Join(ca.pem.write(c.pki(""), "front-proxy-ca"), client.write(c.pki(""), "front-proxy-client"))
}

// aggregationArgs let the API server pass requests on to the servers of aggregated
// APIs. Nobody makes services reachable here, so it goes to their endpoints.
func (c *Cluster) aggregationArgs() []string {
	if !c.aggregation {
		return nil
	}
	return []string{
		"--requestheader-client-ca-file=" + c.pki("front-proxy-ca.crt"),
		"--requestheader-allowed-names=" + frontProxyName,
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + c.pki("front-proxy-client.crt"),
		"--proxy-client-key-file=" + c.pki("front-proxy-client.key"),
		"--enable-aggregator-routing=true",
	}
}
