// Package testmain is the TestMain of packages whose tests share what takes long to
// start, such as clusters: a folder for it, its end, and the logs if a test failed. What
// is shared, they know themselves; package stage has the usual.
package testmain

import (
	"fmt"
	"os"
	"testing"
)

// Run has set make what is shared below a folder of its own, runs the tests, and stops
// it, which it does after an error of set, too. The folder stays if something failed. It
// returns the code to exit with.
func Run(m *testing.M, name string, set func(dir string) (stop func() error, err error)) (code int) {
	dir, err := os.MkdirTemp("", "spillway-"+name+"-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	stop, err := set(dir)
	defer func() {
		if err := stop(); err != nil {
			fmt.Fprintln(os.Stderr, "cannot clear the stage:", err)
			code = 1
		}
		if code != 0 {
			fmt.Fprintln(os.Stderr, "logs are kept in", dir)
		} else if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cannot set the stage:", err)
		return 1
	}
	return m.Run()
}
