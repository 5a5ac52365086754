package system_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/imgstream/imgstream/test/internal/gitserver"
	"github.com/imgstream/imgstream/test/internal/registries"
)

const hookToken = "token-of-the-registry"

// localFiles are a repository whose tags of policy Local come from a vendor, and one that
// is only pushed to.
func localFiles(vendor string) map[string]string {
	stream := func(namespace, name, tags string) string {
		return fmt.Sprintf("apiVersion: image.openshift.io/v1\nkind: ImageStream\nmetadata: {name: %s, namespace: %s}\nspec:\n  tags:\n%s", name, namespace, tags)
	}
	return map[string]string{
		".imgstream.yaml": `# +argocd:skip-file-rendering
apiVersion: imgstream.dev/v1
kind: Repository
metadata: {name: imgstream, annotations: {config.kubernetes.io/local-config: "true"}}
streams: {createOnPush: ["build/*"]}
imports: {interval: 24h}
grants: [{namespace: sso, streams: [web], to: [prod]}]
`,
		"imagestreams/web.yaml": stream("sso", "web", `  - name: "1.0"
    from: {kind: DockerImage, name: "`+vendor+`/web:1.0"}
    importPolicy: {scheduled: true}
    referencePolicy: {type: Local}
`),
		"imagestreams/prod.yaml": stream("prod", "web", `  - name: live
    from: {kind: ImageStreamTag, namespace: sso, name: "web:1.0"}
    referencePolicy: {type: Local}
`),
		"imagestreams/app.yaml": stream("build", "app", "  - name: latest\n"),
		"apps/values.yaml":      "web: web # {\"$imagestream\": \"prod/web:live\"}\napp: app # {\"$imagestream\": \"build/app:latest\"}\n",
	}
}

// TestLocalRegistry runs the daemon between two real Distributions, a vendor's and the local
// registry, that tell of every push, our own copies too.
func TestLocalRegistry(t *testing.T) {
	address := reserved(t)
	registry, err := registries.Notifying(t.Context(), "http://"+address+"/hooks/distribution", hookToken)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(registry.Close)
	push := func(repositoryTag string) string {
		t.Helper()
		digest, err := registry.Push(t.Context(), repositoryTag)
		if err != nil {
			t.Fatal(err)
		}
		return digest
	}
	vendor, err := registries.Notifying(t.Context(), "http://"+address+"/hooks/distribution", hookToken)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(vendor.Close)
	release := func() string {
		t.Helper()
		digest, err := vendor.Push(t.Context(), "web:1.0")
		if err != nil {
			t.Fatal(err)
		}
		return digest
	}
	one := release()
	w := &world{dir: t.TempDir(), registry: registry, secrets: []string{hookToken}}
	if w.git, err = gitserver.Start(t.TempDir(), gitserver.Login{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.git.Close)
	if w.repo, err = w.git.Create(t.Context(), "apps", localFiles(vendor.Host)); err != nil {
		t.Fatal(err)
	}
	registry.Reset()
	stop := w.hooked(t, address)

	local := registry.Host + "/images/"
	w.waitFor(t, "apps/values.yaml", "web: "+local+"prod/web@"+one)
	counts := registry.Reset()
	if n := counts["PUT /v2/images/prod/web/manifests/"+one] * counts["PUT /v2/images/sso/web/manifests/"+one]; n != 1 {
		t.Errorf("the image was not put once into each repository: %v", counts)
	}
	for path := range maps.Keys(counts) {
		if strings.HasPrefix(path, "PATCH /v2/images/prod/web/") {
			t.Errorf("%s: a blob that could be mounted was sent", path)
		}
	}

	two := release() // the next look by the clock is a day away
	w.waitFor(t, "apps/values.yaml", "web: "+local+"prod/web@"+two)
	app := push("images/build/app:latest")
	w.waitFor(t, "apps/values.yaml", "app: "+local+"build/app@"+app)
	push("images/other/app:latest") // nothing lets it create a stream
	fresh := push("images/build/fresh:1")
	w.waitFor(t, "imagestreams/status/build/fresh/1.yaml", "- image: "+fresh)

	w.unknownSender(t, address)
	stop()
	log := w.gitOut(t, "log", "--reverse", "--format=%s", gitserver.Branch)
	want := []string{
		"sso/web:1.0 -> " + one[:19], "prod/web:live -> " + one[:19],
		"sso/web:1.0 -> " + two[:19], "prod/web:live -> " + two[:19],
		"build/app:latest -> " + app[:19],
		"build/fresh created, 1 -> " + fresh[:19],
	}
	if diff := cmp.Diff(want, strings.Split(log, "\n")[1:]); diff != "" {
		t.Errorf("commits (-want +got):\n%s", diff)
	}
	w.fsck(t)

	registry.Reset()
	w.flags = []string{"--config", filepath.Join(w.dir, "config.yaml")}
	if r := w.sync(t); r.code != 0 || !strings.Contains(r.stdout, "nothing to do") {
		t.Errorf("sync after the daemon: %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	for path := range maps.Keys(registry.Reset()) {
		if !strings.HasPrefix(path, "HEAD ") && path != "GET /v2/" {
			t.Errorf("a pass over nothing new asks %s", path)
		}
	}
	late := push("images/build/app:latest") // nobody hears of it but the next pass
	if r := w.sync(t); r.code != 0 || !strings.Contains(r.stdout, "build/app:latest -> "+late[:19]) {
		t.Errorf("sync after a push that nobody told of: %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// reserved is an address at which nobody listens yet. On Linux, the port is kept for the
// test: a socket that is bound and does not listen keeps all but listeners away.
func reserved(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	free := sync.OnceFunc(func() { _ = syscall.Close(fd) })
	t.Cleanup(free)
	syscall.CloseOnExec(fd)
	err = errors.Join(
		syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1),
		syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}),
	)
	at, err2 := syscall.Getsockname(fd)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "linux" {
		free()
	}
	return fmt.Sprintf("127.0.0.1:%d", at.(*syscall.SockaddrInet4).Port)
}

// hooked runs the daemon until stop, and fails when it ends by itself or tells the token.
func (w *world) hooked(t *testing.T, address string) (stop func()) {
	t.Helper()
	config := fmt.Sprintf(`apiVersion: imgstream.dev/v1
kind: Config
repositories: [{name: apps, url: %q, branches: [%s]}]
localRegistry: %s/images
listen: %s
hooks: {distribution: {tokenFile: hook-token}}
log: {format: json, level: debug}
`, w.repo.URL, gitserver.Branch, w.registry.Host, address)
	for name, text := range map[string]string{"config.yaml": config, "hook-token": hookToken + "\n"} {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var log strings.Builder
	cmd := exec.CommandContext(ctx, binary, "run", "--config", filepath.Join(w.dir, "config.yaml"))
	cmd.Dir, cmd.Stderr = w.dir, &log
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "DOCKER_CONFIG=" + w.dir}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	stop = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		_ = cmd.Wait()
		w.noSecretIn(t, "the daemon's log", log.String())
		if t.Failed() {
			t.Log(log.String())
		}
	}
	t.Cleanup(stop)
	return stop
}

// waitFor waits until a file of the branch holds a text.
func (w *world) waitFor(t *testing.T, path, text string) {
	t.Helper()
	w.eventually(t, path+" with "+text, func() bool { return strings.Contains(w.files(t, gitserver.Branch)[path], text) })
}

// unknownSender holds that one without the token gets 401.
func (w *world) unknownSender(t *testing.T, address string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/hooks/distribution", strings.NewReader(`{"events":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer guessed")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("an unknown sender gets %s", resp.Status)
	}
}
