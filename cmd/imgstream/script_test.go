package main

import (
	"context"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/rogpeppe/go-internal/testscript"
)

// clock is when every script runs.
func clock() time.Time { return time.Date(2026, 11, 20, 12, 0, 3, 0, time.UTC) }

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"imgstream": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
			code := run(ctx, &app{stdout: os.Stdout, stderr: os.Stderr, now: clock}, os.Args[1:])
			stop()
			os.Exit(code)
		},
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/script",
		Setup: setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"push": push, "repository": repository, "expand": expand, "remove": remove,
			"commit":     commit,
			"waitcommit": waitCommit, "waitlog": waitLog, "waitlisten": waitListen, "waithttp": waitHTTP, "httpbody": httpBody,
		},
		UpdateScripts: os.Getenv("UPDATE") != "",
	})
}

// hermetic is the environment of a git that sees nothing of the machine's configuration.
var hermetic = []string{"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull}

// setup makes git the same everywhere, whatever the machine's configuration.
func setup(e *testscript.Env) error {
	date := clock().Format(time.RFC3339)
	e.Vars = append(e.Vars, hermetic...)
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		e.Setenv("GIT_"+who+"_NAME", "Ada")
		e.Setenv("GIT_"+who+"_EMAIL", "ada@example.com")
		e.Setenv("GIT_"+who+"_DATE", date)
	}
	e.Setenv("DOCKER_CONFIG", e.WorkDir)
	e.Setenv("NO_COLOR", "1")
	e.Setenv("imagestream", "$imagestream") // what cmpenv is to leave in a marker
	serve(e, "REG", registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	serve(e, "GIT", gitHTTP(e.WorkDir))
	e.Setenv("NOBODY", "127.0.0.1:1") // no system gives this port away
	return nil
}

// serve starts a server of one script on loopback; the variable has its host and port.
func serve(e *testscript.Env, variable string, handler http.Handler) {
	server := httptest.NewServer(handler)
	e.Defer(server.Close)
	e.Setenv(variable, strings.TrimPrefix(server.URL, "http://"))
}

// gitHTTP serves the repositories of a script's directory to ada with the password that
// the file git-password there holds; secret where there is none.
func gitHTTP(dir string) http.Handler {
	out, err := exec.CommandContext(context.Background(), "git", "--exec-path").Output()
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"),
		Env:  append([]string{"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=ada"}, hermetic...),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		want := "secret"
		if text, err := os.ReadFile(filepath.Join(dir, "git-password")); err == nil {
			want = strings.TrimSpace(string(text))
		}
		switch {
		case err != nil:
			http.Error(w, "git: "+err.Error(), http.StatusInternalServerError)
		case user == "" || password != want:
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
		default:
			backend.ServeHTTP(w, r)
		}
	})
}

// push NAME:TAG WORD puts an image under a tag of the script's registry. The word is
// all that the image holds, so that its digest, in $WORD, is the same each time.
func push(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: push NAME:TAG WORD")
	}
	digest, err := pushImage(ts.Getenv("REG")+"/"+args[0], args[1])
	ts.Check(err)
	ts.Setenv(args[1], digest.String())
	ts.Setenv("short_"+args[1], digest.String()[:19])
	ts.Setenv("abbr_"+args[1], digest.String()[:11])
}

// pushImage puts an image that holds nothing but a word into a registry.
func pushImage(at, word string) (v1.Hash, error) {
	image, err := mutate.Config(empty.Image, v1.Config{Labels: map[string]string{"word": word}})
	if err != nil {
		return v1.Hash{}, err
	}
	ref, err := name.ParseReference(at)
	if err != nil {
		return v1.Hash{}, err
	}
	if err := remote.Write(ref, image); err != nil {
		return v1.Hash{}, err
	}
	return image.Digest()
}

// remove NAME DIGEST takes an image out of the script's registry.
func remove(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: remove NAME DIGEST")
	}
	ref, err := name.NewDigest(ts.Getenv("REG") + "/" + args[0] + "@" + args[1])
	ts.Check(err)
	ts.Check(remote.Delete(ref))
}

// repository DIR makes the bare repository DIR.git from the files below DIR, $REG in
// them replaced, and leaves DIR as a clone of it that follows its branch main.
func repository(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: repository DIR")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			expand(ts, false, []string{path})
		}
		return err
	}))
	git := func(args ...string) { ts.Check(ts.Exec("git", args...)) }
	git("init", "-q", "--bare", "-b", "main", dir+".git")
	git("-C", dir+".git", "config", "http.receivepack", "true")
	git("-C", dir, "init", "-q", "-b", "main")
	git("-C", dir, "remote", "add", "origin", dir+".git")
	git("-C", dir, "add", ".")
	git("-C", dir, "commit", "-q", "-m", "first")
	git("-C", dir, "push", "-q", "-u", "origin", "main")
}

// commit runs the command that the verb before it printed, as it would be pasted.
func commit(ts *testscript.TestScript, neg bool, args []string) {
	const says = "to commit it: "
	_, command, ok := strings.Cut("\n"+ts.ReadFile("stderr"), "\n"+says)
	if neg || len(args) > 0 || !ok {
		ts.Fatalf("usage: commit, after a verb that says %q", says)
	}
	command, _, _ = strings.Cut(command, "\n")
	ts.Check(ts.Exec("sh", "-c", command))
}

// expand FILE… replaces $REG, $GIT and $NOBODY in files.
func expand(ts *testscript.TestScript, _ bool, files []string) {
	for _, file := range files {
		text := strings.NewReplacer("$REG", ts.Getenv("REG"), "$NOBODY", ts.Getenv("NOBODY"), "$GIT", ts.Getenv("GIT")).Replace(ts.ReadFile(file))
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o644))
	}
}

// eventually waits for what another process does. It is no measure of speed: the bound
// only ends a test that has failed.
func eventually(ts *testscript.TestScript, what string, seen func() bool) {
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if seen() {
			return
		}
	}
	ts.Fatalf("not seen: %s", what)
}

// waitCommit REPO TEXT waits for a commit of the branch main whose subject has the text.
func waitCommit(ts *testscript.TestScript, _ bool, args []string) {
	eventually(ts, "a commit with "+args[1], func() bool {
		cmd := exec.CommandContext(context.Background(), "git", "-C", ts.MkAbs(args[0]), "log", "--format=%s", "main")
		cmd.Env = append(os.Environ(), hermetic...)
		out, err := cmd.Output()
		return err == nil && strings.Contains(string(out), args[1])
	})
}

// waitLog FILE TEXT waits for a text in a file that grows.
func waitLog(ts *testscript.TestScript, _ bool, args []string) {
	eventually(ts, args[1]+" in "+args[0], func() bool {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && strings.Contains(string(text), args[1])
	})
}

// waitListen FILE sets $HTTP to the address at which the daemon whose log it is listens.
func waitListen(ts *testscript.TestScript, _ bool, args []string) {
	eventually(ts, "an address in "+args[0], func() bool {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		found := listening.FindSubmatch(text)
		if err != nil || found == nil {
			return false
		}
		ts.Setenv("HTTP", string(found[1]))
		return true
	})
}

// listening finds the address in the daemon's log of either format.
var listening = regexp.MustCompile(`listening"?[ ,]"?address"?[=:]"?([\d.]+:\d+)`)

// waitHTTP PATH STATUS [TOKEN] waits for an answer of the daemon with this status.
func waitHTTP(ts *testscript.TestScript, _ bool, args []string) {
	eventually(ts, args[1]+" from "+args[0], func() bool {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+ts.Getenv("HTTP")+args[0], http.NoBody)
		ts.Check(err)
		if len(args) > 2 {
			req.Header.Set("Authorization", "Bearer "+args[2])
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return strconv.Itoa(resp.StatusCode) == args[1]
	})
}

// httpBody PATH FILE saves what the daemon answers.
func httpBody(ts *testscript.TestScript, _ bool, args []string) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+ts.Getenv("HTTP")+args[0], http.NoBody)
	ts.Check(err)
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	text, err := io.ReadAll(resp.Body)
	ts.Check(err)
	ts.Check(resp.Body.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), text, 0o600))
}
