package adopt

import (
	"path"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// object is a Kubernetes object of a file: a document, or an item of a List.
type object struct {
	pos  stream.Pos
	node *yaml.Node
	head head
}

// head is what all objects have.
type head struct {
	APIVersion string   `yaml:"apiVersion"`
	Kind       string   `yaml:"kind"`
	Metadata   metadata `yaml:"metadata"`
}

type metadata struct {
	Name        string            `yaml:"name"`
	Namespace   string            `yaml:"namespace"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// is reports whether an object is of a kind of an API group, whatever the version.
func (o object) is(group, kind string) bool {
	return o.head.Kind == kind && strings.HasPrefix(o.head.APIVersion, group+"/")
}

// key is namespace/name.
func (o object) key() string { return o.head.Metadata.Namespace + "/" + o.head.Metadata.Name }

// String is what messages call the object.
func (o object) String() string {
	if o.head.Metadata.Namespace == "" {
		return o.head.Kind + " " + o.head.Metadata.Name
	}
	return o.head.Kind + " " + o.key()
}

// objects are those of the documents of a file.
func objects(file string, docs []*yaml.Node) []object {
	var all []object
	for _, doc := range docs {
		var list struct {
			Kind  string      `yaml:"kind"`
			Items []yaml.Node `yaml:"items"`
		}
		if err := doc.Decode(&list); err == nil && strings.HasSuffix(list.Kind, "List") && len(list.Items) > 0 {
			for i := range list.Items {
				all = appendObject(all, file, &list.Items[i])
			}
			continue
		}
		all = appendObject(all, file, doc)
	}
	return all
}

func appendObject(all []object, file string, n *yaml.Node) []object {
	o := object{pos: stream.Pos{File: file, Line: n.Line}, node: n}
	if n.Kind != yaml.MappingNode || n.Decode(&o.head) != nil || o.head.Kind == "" {
		return all
	}
	return append(all, o)
}

// below reports whether a file lies in a directory; every file lies in ".".
func below(file, dir string) bool {
	return dir == "." || file == dir || strings.HasPrefix(file, dir+"/")
}

// inTree is the path of a directory or file in the repository that another tool names,
// relative to base or, where it begins with a slash, to the root; ok is false for one
// that lies outside.
func inTree(base, name string) (string, bool) {
	if !strings.HasPrefix(name, "/") {
		name = path.Join(base, name)
	}
	name = path.Clean(strings.TrimLeft(path.Clean(name), "/"))
	return name, name != ".." && !strings.HasPrefix(name, "../")
}
