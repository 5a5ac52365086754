package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// story is one run of the demo.
type story struct {
	ctx      context.Context //nolint:containedctx // the story is one call, told in many steps
	binary   string
	bare     string // the repository that a forge would hold
	clone    string // a person's clone of it
	registry *imageRegistry
}

func newStory(ctx context.Context, binary, dir string) (*story, error) {
	r, err := startRegistry(ctx, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &story{ctx: ctx, binary: binary, bare: filepath.Join(dir, "shop.git"), clone: filepath.Join(dir, "clone"), registry: r}, nil
}

func (s *story) play() error {
	for _, scene := range []func() error{s.begin, s.firstPass, s.tagMoves, s.history, s.revert} {
		if err := scene(); err != nil {
			return err
		}
	}
	say("Done. Nothing but commits changed what runs.")
	return nil
}

// begin makes the repository and pushes the first image.
func (s *story) begin() error {
	say("A registry serves %s:1.0; a git repository deploys it.", s.registry.repository())
	if _, err := s.registry.push(); err != nil {
		return err
	}
	if err := s.quietly(".", "git", "init", "--quiet", "--bare", "--initial-branch=main", s.bare); err != nil {
		return err
	}
	if err := s.quietly(".", "git", "clone", "--quiet", s.bare, s.clone); err != nil {
		return err
	}
	for path, text := range repository(s.registry.repository()) {
		file := filepath.Join(s.clone, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	if err := s.commitAll("shop: a web server and its image stream"); err != nil {
		return err
	}
	if err := s.show(s.clone, "cat", "imagestreams/web.yaml"); err != nil {
		return err
	}
	return s.show(s.clone, "cat", "apps/web/kustomization.yaml")
}

// repository is what a person commits.
func repository(image string) map[string]string {
	return map[string]string{
		"imagestreams/web.yaml": `# +argocd:skip-file-rendering
apiVersion: image.openshift.io/v1
kind: ImageStream
metadata:
  name: web
  namespace: shop
  annotations:
    config.kubernetes.io/local-config: "true"
spec:
  tags:
  - name: "1.0"
    from: {kind: DockerImage, name: "` + image + `:1.0"}
    importPolicy: {scheduled: true}
  - name: live
    from: {kind: ImageStreamTag, name: "1.0"}
`,
		"apps/web/kustomization.yaml": `kind: Kustomization
namespace: shop
resources: [deployment.yaml]

images:
# what runs in the shop   (this comment, and every other byte, stays)
- name: web      # {"$imagestream": "web:live"}
  newName: ` + image + `
  newTag: "1.0"
`,
		"apps/web/deployment.yaml": `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: web}
`,
	}
}

func (s *story) firstPass() error {
	say("The first pass resolves the tags and pins the deployment to a digest.")
	if err := s.sync(); err != nil {
		return err
	}
	return s.build("What kustomize builds now:")
}

func (s *story) tagMoves() error {
	digest, err := s.registry.push()
	if err != nil {
		return err
	}
	say("Somebody pushes a new image under the same tag: %s. Nothing that runs changes until a commit says so.", digest[:19])
	if err := s.sync(); err != nil {
		return err
	}
	say("The commit, and its diff:")
	if err := s.show(s.clone, "git", "show", "--format=%an <%ae>%n%n%B", "HEAD"); err != nil {
		return err
	}
	return s.build("What kustomize builds after it:")
}

func (s *story) history() error {
	say("The history of the tag is the log of one file:")
	return s.show(s.clone, "git", "log", "-p", "--format=commit %h%n    %s", "--", "imagestreams/status/shop/web/live.yaml")
}

func (s *story) revert() error {
	say("The new image is bad. A revert is a rollback:")
	if err := s.show(s.clone, "git", "revert", "--no-edit", "HEAD"); err != nil {
		return err
	}
	if err := s.quietly(s.clone, "git", "push", "--quiet"); err != nil {
		return err
	}
	say("The registry still serves the bad image. The next pass respects the revert:")
	if err := s.sync(); err != nil {
		return err
	}
	if err := s.build("What kustomize builds after the rollback:"); err != nil {
		return err
	}
	if _, err := s.registry.push(); err != nil {
		return err
	}
	say("The image is mended and pushed again. The next digest flows:")
	return s.sync()
}

// sync runs a pass, and brings the person's clone up to date.
func (s *story) sync() error {
	if err := s.show(s.clone, s.binary, "sync"); err != nil {
		return err
	}
	return s.quietly(s.clone, "git", "pull", "--quiet", "--ff-only")
}

// build prints the image line of what kustomize makes of the clone.
func (s *story) build(title string) error {
	options := krusty.MakeDefaultOptions()
	resources, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), filepath.Join(s.clone, "apps/web"))
	if err != nil {
		return err
	}
	text, err := resources.AsYaml()
	if err != nil {
		return err
	}
	say("%s", title)
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "image:") {
			fmt.Print("    ", strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "- ")), "\n")
		}
	}
	return nil
}

func (s *story) commitAll(message string) error {
	if err := s.quietly(s.clone, "git", "add", "."); err != nil {
		return err
	}
	if err := s.quietly(s.clone, "git", "commit", "--quiet", "-m", message); err != nil {
		return err
	}
	return s.quietly(s.clone, "git", "push", "--quiet", "origin", "HEAD:main")
}

// show runs a command with its output, behind a prompt.
func (s *story) show(dir, command string, args ...string) error {
	fmt.Printf("\n$ %s\n", strings.Join(append([]string{filepath.Base(command)}, args...), " "))
	cmd := s.command(dir, command, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stdout
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(command), err)
	}
	return nil
}

func (s *story) quietly(dir, command string, args ...string) error {
	var out bytes.Buffer
	cmd := s.command(dir, command, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", filepath.Base(command), strings.Join(args, " "), err, out.String())
	}
	return nil
}

// command is a process that sees none of the user's own git configuration.
func (s *story) command(dir, command string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(s.ctx, command, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_PAGER=cat", "GIT_EDITOR=true",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com",
		"DOCKER_CONFIG="+s.bare, "IMGSTREAM_GIT_TOKEN=", "IMGSTREAM_GIT_TOKEN_FILE=")
	return cmd
}

func (s *story) sayWhatNext(dir string) {
	say(`Everything is in %s. To go on:
    make demo-registry               # in a second terminal: serves the registry again
    make demo-push                   # a new image under the same tag
    cd %s/clone
    ../../bin/imgstream plan         # what a pass would commit
    ../../bin/imgstream sync && git pull && git show
    ../../bin/imgstream get istag -n shop
    ../../bin/imgstream validate`, filepath.Base(dir), filepath.Base(dir))
}

func say(format string, args ...any) { fmt.Printf("\n# "+format+"\n", args...) }
