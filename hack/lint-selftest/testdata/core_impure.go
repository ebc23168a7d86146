package core

import (
	"context"           // want depguard
	crand "crypto/rand" // want depguard
	"fmt"
	"log"                 // want depguard
	"log/slog"            // want depguard
	"math/rand"           // want depguard
	randv2 "math/rand/v2" // want depguard
	"net"                 // want depguard
	"net/http"            // want depguard
	"os"                  // want depguard
	"os/exec"             // want depguard
	"sync"                // want depguard
	"testing"             // want depguard
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilrand "k8s.io/apimachinery/pkg/util/rand" // want depguard
	"k8s.io/apimachinery/pkg/util/uuid"          // want depguard
	"k8s.io/apimachinery/pkg/util/wait"          // want depguard
	"k8s.io/apimachinery/pkg/watch"              // want depguard
	"k8s.io/client-go/kubernetes"                // want depguard
	"k8s.io/klog/v2"                             // want depguard
	"sigs.k8s.io/controller-runtime/pkg/client"  // want depguard
)

var cache = map[string]string{} // want gochecknoglobals

func init() { // want gochecknoinits
	cache["started"] = "yes"
}

// Clock reads it in every way there is.
func Clock() {
	_ = time.Now()                     // want forbidigo
	_ = time.Since(time.Time{})        // want forbidigo
	_ = time.Until(time.Time{})        // want forbidigo
	time.Sleep(time.Second)            // want forbidigo
	<-time.After(time.Second)          // want forbidigo
	time.AfterFunc(time.Second, Clock) // want forbidigo
	_ = time.NewTimer(time.Second)     // want forbidigo
	_ = time.NewTicker(time.Second)    // want forbidigo
	<-time.Tick(time.Second)           // want forbidigo
	_ = metav1.Now()                   // want forbidigo
	now := time.Now                    // want forbidigo
	_ = now
	fmt.Println(cache) // want forbidigo
}

// Uses keeps the imports in use.
func Uses(context.Context, net.Addr, http.Handler, *exec.Cmd, *sync.Mutex, *testing.T, watch.Interface, kubernetes.Interface, client.Client) {
	_, _ = crand.Read(nil)
	log.Print(rand.Int(), randv2.Int(), utilrand.Int(), uuid.NewUUID(), wait.ForeverTestTimeout, os.Args)
	slog.Info("")
	klog.Info("")
}
