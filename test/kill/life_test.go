package kill_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/imgstream/imgstream/test/internal/gitserver"
)

const controlPath = "/control"

// life is one process of the daemon, from its start to its kill, with a server of its own
// in front of git, so that what it asked before its end cannot be taken for a later life's.
type life struct {
	world  *world
	server *httptest.Server
	cmd    *exec.Cmd
	output bytes.Buffer
	begun  chan struct{} // closed when the process is there
	ended  chan struct{} // closed when the process is gone
	update chan struct{} // something below changed

	mu       sync.Mutex
	armed    point
	skip     int              // how often the point is passed by before
	meantime map[point]func() // what happens when a point is reached, once
	killedAt point
	began    int // events of the world when the pass under way began
	rested   int // events after which a pass found nothing to do; -1: none did
	passes   int
	failed   string // what a pass said
}

type lifeKey struct{}

// newLife makes a life; start begins it.
func newLife(w *world) *life {
	l := &life{world: w, begun: make(chan struct{}), ended: make(chan struct{}), update: make(chan struct{}, 1), meantime: map[point]func(){}, rested: -1}
	l.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == controlPath {
			l.told(r.URL.Query())
			return
		}
		w.git.ServeHTTP(rw, r.WithContext(context.WithValue(r.Context(), lifeKey{}, l)))
	}))
	return l
}

func (l *life) start(t *testing.T) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l.cmd = exec.CommandContext(t.Context(), exe)
	l.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + l.world.dir, "DOCKER_CONFIG=" + l.world.dir, childEnv + "=" + l.server.URL}
	l.cmd.Stdout, l.cmd.Stderr = &l.output, &l.output
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	close(l.begun)
	l.world.lives++
	go func() {
		_ = l.cmd.Wait()
		l.server.CloseClientConnections()
		close(l.ended)
	}()
}

// arm gives a life a point to end at, when it comes by after skipping it so often.
func (l *life) arm(at point, skip int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armed, l.skip = at, skip
}

// when has something happen at a point, once.
func (l *life) when(at point, happens func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.meantime[at] = happens
}

// told is what the daemon says of itself.
func (l *life) told(v url.Values) {
	at := point(v.Get("at"))
	l.mu.Lock()
	switch at {
	case passBegins:
		l.began = l.world.happened()
	case passEnded:
		l.passes++
		asked, _ := strconv.Atoi(v.Get("asked"))
		switch {
		case v.Get("error") != fmt.Sprint(error(nil)):
			l.failed = v.Get("error")
		case v.Get("changes") == "0" && asked >= l.world.shape.Streams:
			l.rested = l.began
		}
		attempts, _ := strconv.Atoi(v.Get("attempts"))
		l.world.mu.Lock()
		l.world.attempts = append(l.world.attempts, attempts)
		l.world.mu.Unlock()
	}
	l.mu.Unlock()
	l.reached(at)
	l.changed()
}

// reached is a point: what is to happen there happens, and the process is killed there if
// that was the order.
func (l *life) reached(at point) (dead bool) {
	l.mu.Lock()
	happens := l.meantime[at]
	delete(l.meantime, at)
	l.mu.Unlock()
	if happens != nil {
		happens()
	}
	l.mu.Lock()
	order := l.armed == at && at != ""
	if order && l.skip > 0 {
		order = false
		l.skip--
	}
	if order {
		l.armed = ""
	}
	l.mu.Unlock()
	if order {
		l.kill(at)
	}
	return order
}

// kill is kill -9. It returns when the process is gone.
func (l *life) kill(at point) {
	l.mu.Lock()
	l.killedAt, l.armed = at, ""
	l.mu.Unlock()
	<-l.begun // it may speak before Start returns
	_ = l.cmd.Process.Kill()
	<-l.ended
	l.changed()
}

func (l *life) changed() {
	select {
	case l.update <- struct{}{}:
	default:
	}
}

// limit is how long anything may take before the test gives up.
const limit = 2 * time.Minute

// wait returns when the process was killed, or when it is at rest after all events.
func (l *life) wait(t *testing.T) (killed bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	for {
		l.mu.Lock()
		at, rest, failed := l.killedAt, l.rested == l.world.happened(), l.failed
		l.mu.Unlock()
		select {
		case <-l.ended:
			if at == "" {
				t.Fatalf("the daemon ended by itself:\n%s", &l.output)
			}
			return true
		default:
		}
		if rest && at == "" {
			return false
		}
		select {
		case <-l.update:
		case <-l.ended:
		case <-deadline.C:
			_ = l.cmd.Process.Kill()
			<-l.ended
			t.Fatalf("after %v: not at rest (last failure: %s)\n%s", limit, failed, &l.output)
		}
	}
}

// tapGit tells the life that asks of the moments of its requests.
func tapGit(r *http.Request, m gitserver.Moment) (cut bool) {
	l, ours := r.Context().Value(lifeKey{}).(*life)
	return ours && l.reached(seen[gitserver.StepOf(r)][m])
}
