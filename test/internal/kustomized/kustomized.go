// Package kustomized builds repositories with kustomize itself, as a library and as
// kubectl has it, and says which images come out.
package kustomized

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// Container is one image that a build shows.
type Container struct{ Namespace, Object, Name, Image string }

// Images are those of some containers, in order.
func Images(all []Container) []string {
	var images []string
	for _, c := range all {
		images = append(images, c.Image)
	}
	return images
}

// Memory is a file system with the files of a repository below /r.
func Memory(files map[string]string) (filesys.FileSystem, error) {
	disk := filesys.MakeFsInMemory()
	for file, text := range files {
		if err := disk.WriteFile(path.Join("/r", file), []byte(text)); err != nil {
			return nil, err
		}
	}
	return disk, nil
}

// Build is what kustomize, as a library, makes of a directory of a repository.
func Build(files map[string]string, dir string) ([]Container, error) {
	disk, err := Memory(files)
	if err != nil {
		return nil, err
	}
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, path.Join("/r", dir))
	if err != nil {
		return nil, err
	}
	text, err := resources.AsYaml()
	if err != nil {
		return nil, err
	}
	return containersIn(text)
}

// ErrNoKubectl says that this machine has no kubectl.
var ErrNoKubectl = errors.New("kubectl is not installed")

// Kubectl is what kubectl kustomize makes of a directory of a repository, which is written below root.
func Kubectl(ctx context.Context, root string, files map[string]string, dir string) ([]Container, error) {
	program, err := exec.LookPath("kubectl")
	if err != nil {
		return nil, ErrNoKubectl
	}
	for file, text := range files {
		at := filepath.Join(root, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	text, err := exec.CommandContext(ctx, program, "kustomize", filepath.Join(root, dir)).Output()
	if err != nil {
		return nil, fmt.Errorf("kubectl kustomize: %w", err)
	}
	return containersIn(text)
}

func containersIn(text []byte) ([]Container, error) {
	var all []Container
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var object struct {
			Kind     string
			Metadata struct{ Name, Namespace string }
			Spec     struct {
				Template struct {
					Spec struct {
						Containers     []struct{ Name, Image string }
						InitContainers []struct{ Name, Image string } `yaml:"initContainers"`
					}
				}
			}
		}
		err := d.Decode(&object)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		spec := object.Spec.Template.Spec
		for _, c := range append(spec.Containers, spec.InitContainers...) {
			all = append(all, Container{object.Metadata.Namespace, object.Kind + " " + object.Metadata.Name, c.Name, c.Image})
		}
	}
}

// Deployment is a manifest with a container for each image.
func Deployment(name, namespace string, images ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: %s\n", name)
	if namespace != "" {
		fmt.Fprintf(&b, "  namespace: %s\n", namespace)
	}
	b.WriteString("spec:\n  template:\n    spec:\n      containers:\n")
	for i, image := range images {
		fmt.Fprintf(&b, "      - name: c%d\n        image: %s\n", i, image)
	}
	return b.String()
}
