package stories

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/spillway-io/spillway/certs"
)

// mounted is a Secret's files as a kubelet mounts them: each is a link into the folder
// ..data, which is a link itself, and changes as a whole.
type mounted struct {
	dir       string
	authority certs.Pair
	version   int
}

// serving makes a certificate: good, or broken in some way.
type serving func() (certs.Pair, error)

func goodServing(authority certs.Pair) serving {
	return func() (certs.Pair, error) {
		return authority.Serving(rand.Reader, []string{"127.0.0.1"}, time.Now(), time.Hour, time.Minute)
	}
}

func mountsSecret(t *testing.T, authority certs.Pair) *mounted {
	t.Helper()
	m := &mounted{dir: t.TempDir(), authority: authority}
	m.swaps(t, goodServing(authority))
	for _, name := range []string{"tls.crt", "tls.key", "ca.crt"} {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(m.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func (m *mounted) ca() string { return filepath.Join(m.dir, "ca.crt") }

// swaps mounts another version.
func (m *mounted) swaps(t *testing.T, issue serving) {
	t.Helper()
	pair, err := issue()
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	m.version++
	folder := "..version-" + strconv.Itoa(m.version)
	if err := os.Mkdir(filepath.Join(m.dir, folder), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"tls.crt": certs.EncodeChain([][]byte{pair.Certificate.Raw}),
		"tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		"ca.crt":  certs.EncodeChain([][]byte{m.authority.Certificate.Raw}),
	} {
		if err := os.WriteFile(filepath.Join(m.dir, folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(m.dir, "..data_tmp")
	if err := os.Symlink(folder, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link, filepath.Join(m.dir, "..data")); err != nil {
		t.Fatal(err)
	}
	if m.version > 1 {
		if err := os.RemoveAll(filepath.Join(m.dir, "..version-"+strconv.Itoa(m.version-1))); err != nil {
			t.Fatal(err)
		}
	}
}
