package adopt

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/kustomize/yamledit"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// laySettings writes the settings that are needed, where there are none yet: namespaces by
// path, and the author of the commits.
func (a *Adoption) laySettings() error {
	a.settings = nil
	if _, err := fs.Stat(a.fsys, stream.SettingsPath); err == nil {
		return nil
	}
	text := a.pathNamespaces()
	if author := a.flux.author; a.follows(a.flux.rules) && author.Name != "" && author.Email != "" {
		text += fmt.Sprintf("commit:\n  author:\n    name: %s\n    email: %s\n", yamledit.Text(author.Name), yamledit.Text(author.Email))
	}
	if text == "" {
		return nil
	}
	a.settings = fmt.Appendf(nil, `# +argocd:skip-file-rendering
apiVersion: imgstream.dev/v1
kind: Repository
metadata:
  name: imgstream
  annotations:
    config.kubernetes.io/local-config: "true"
%s`, text)
	a.files[stream.SettingsPath] = a.settings
	_, err := a.newSettings()
	return err
}

// pathNamespaces are the namespaces of directories that some place needs.
func (a *Adoption) pathNamespaces() string {
	needed := map[destination]bool{}
	for _, w := range a.wanted {
		for _, p := range w.places {
			if d := a.destination(p.file.path); p.stated == "" && d.namespace != "" && d.namespace != stream.DefaultNamespace {
				needed[d] = true
			}
		}
	}
	var b strings.Builder
	for _, d := range a.dests {
		if needed[d] {
			fmt.Fprintf(&b, "- path: %s\n  namespace: %s\n", yamledit.Text(path.Join(d.dir, "**")), yamledit.Text(d.namespace))
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "namespaces:\n" + b.String()
}

// follows reports whether some place follows one of the rules.
func (a *Adoption) follows(rules map[string]*rule) bool {
	return slices.ContainsFunc(a.wanted, func(w *wanted) bool {
		return slices.ContainsFunc(w.places, func(p *place) bool { return p.rule != nil && rules[p.policy] == p.rule })
	})
}

// newSettings are those that hold with the proposal.
func (a *Adoption) newSettings() (stream.Settings, error) {
	if a.settings == nil {
		return a.view.Tree.Settings, nil
	}
	settings, problems := stream.ParseSettings(a.settings)
	for _, p := range problems {
		if p.Severity == stream.Error {
			return settings, fmt.Errorf("the settings that would be proposed are not valid: %s", p.Message)
		}
	}
	return settings, nil
}
