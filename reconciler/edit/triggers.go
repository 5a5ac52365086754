package edit

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// Consumers are the places of one file that show an image, and what binds them. Edits
// build on those before; one that fails changes nothing.
type Consumers struct {
	File     string
	Src      []byte // as the edits leave it
	settings stream.Settings
}

// Consumer is one of them.
type Consumer struct {
	kustomize.Spot
	File      string
	Namespace string     // the effective one: its own, else the settings' for the file, else the default
	Ref       stream.Ref // what it is bound to; zero: nothing, or what is no tag
}

// Pos is where the consumer stands.
func (c Consumer) Pos() stream.Pos { return stream.Pos{File: c.File, Line: c.Line} }

// Paused is the reason why it does not follow its tag; "" = it does.
func (c Consumer) Paused() string {
	for _, u := range c.Uses {
		if u.Paused != "" {
			return u.Paused
		}
	}
	return ""
}

// IsContainer reports whether it is an image that kustomize changes, too.
func (c Consumer) IsContainer() bool { return c.Kind == kustomize.SpotContainer }

// Words are what kind of place it is, for people.
func (c Consumer) Words() string {
	switch c.Kind {
	case kustomize.SpotEntry:
		return "an entry of images:"
	case kustomize.SpotContainer:
		return strings.TrimSuffix("the image of a container of "+c.Object.String(), " of ")
	case kustomize.SpotGroup:
		return "an image in several keys"
	case kustomize.SpotFrom:
		return "the reference of a Dockerfile"
	case kustomize.SpotLine:
		return "a line of text"
	}
	return "a single value"
}

// ConsumersOf gives the consumers of a file with these bytes.
func ConsumersOf(settings stream.Settings, file string, src []byte) *Consumers {
	return &Consumers{File: file, Src: src, settings: settings}
}

// All are the consumers as the edits leave them, by line.
func (cs *Consumers) All() ([]Consumer, error) {
	spots, err := kustomize.Spots(path.Base(cs.File), cs.Src)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", cs.File, err)
	}
	all := make([]Consumer, len(spots))
	for i, s := range spots {
		c := Consumer{Spot: s, File: cs.File, Namespace: cmp.Or(s.Namespace, cs.settings.NamespaceFor(cs.File), stream.DefaultNamespace)}
		if s.Bound != "" {
			c.Ref, _ = stream.ParseTagRef(s.Bound, c.Namespace)
		}
		all[i] = c
	}
	return all, nil
}

// Again is a consumer as the edits leave it.
func (cs *Consumers) Again(c Consumer) (Consumer, error) {
	all, err := cs.All()
	if err != nil {
		return c, err
	}
	i := slices.IndexFunc(all, func(o Consumer) bool { return o.Document == c.Document && o.Path == c.Path && o.Kind == c.Kind })
	if i < 0 {
		return c, nil // only its marker said that it is an image
	}
	return all[i], nil
}

// Bind binds a consumer to a tag, unless it is bound to that already: a container of a
// workload that OpenShift watches by its annotation, where marker does not say otherwise, all
// else by a marker. The namespace is left out where the consumer's is the same
// (openshift.md 4.5).
func (cs *Consumers) Bind(c Consumer, ref stream.Ref, marker bool) error {
	switch {
	case c.Ref == ref:
		return nil
	case c.Bound != "":
		return fmt.Errorf("only one trigger may reference each container: %s: %s is bound to %s already; to bind it anew, first: imgstream set triggers %s --remove", c.Pos(), c.Label, c.Bound, c.Pos())
	}
	text := ref.String()
	if ref.Namespace == c.Namespace {
		text = ref.Name + ":" + ref.Tag
	}
	return cs.edit(c, func(src []byte) ([]byte, error) {
		name := path.Base(cs.File)
		if marker || !c.CanTrigger() && !kustomize.IsJSON(name) {
			return kustomize.Mark(name, src, c.Spot, text)
		}
		now, err := kustomize.Trigger(name, src, c.Spot, text)
		if err != nil {
			if _, refused := kustomize.Mark(name, src, c.Spot, text); refused == nil {
				err = fmt.Errorf("%w; --marker writes a comment behind the image instead", err)
			}
		}
		return now, err
	})
}

// Unbind takes away what binds a consumer.
func (cs *Consumers) Unbind(c Consumer) error {
	return cs.edit(c, func(src []byte) (now []byte, err error) {
		for _, u := range c.Uses {
			if u.Lookup {
				return nil, fmt.Errorf("local lookup made the entry for a short name in a manifest: turn that off (imgstream set image-lookup %s -n %s --enabled=false), or write the image with its registry", c.Ref.Name, c.Ref.Namespace)
			}
			if src, err = kustomize.Unmark(path.Base(cs.File), src, u); err != nil {
				return nil, err
			}
		}
		return src, nil
	})
}

// SetPaused stops a consumer, or lets it follow its tag again where reason is "". One that
// is paused keeps its reason.
func (cs *Consumers) SetPaused(c Consumer, reason string) error {
	if len(c.Uses) == 0 || (c.Paused() != "") == (reason != "") {
		return nil
	}
	return cs.edit(c, func(src []byte) ([]byte, error) {
		return kustomize.Pause(path.Base(cs.File), src, c.Uses[0], reason) // and with it the other parts
	})
}

func (cs *Consumers) edit(c Consumer, change func([]byte) ([]byte, error)) error {
	src, err := change(cs.Src)
	if err != nil {
		return fmt.Errorf("%s (%s): not changed: %w", c.Pos(), c.Label, err)
	}
	cs.Src = src
	return nil
}

// Named are the consumers with these names; a name that none has is an error.
func Named(file string, all []Consumer, names []string) ([]Consumer, error) {
	if len(all) == 0 {
		return nil, NoImage(file)
	}
	var found []Consumer
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("only one trigger may reference each container: %s is named twice", name)
		}
		before := len(found)
		for _, c := range all {
			if c.Label == name {
				found = append(found, c)
			}
		}
		if len(found) == before {
			return nil, fmt.Errorf("%s has no image called %s: there is %s", file, name, Labels(all))
		}
	}
	return found, nil
}

// AtLine are the consumers at a line of a file, else those that the line belongs to; none
// is an error.
func AtLine(file string, all []Consumer, line int) ([]Consumer, error) {
	var found, around []Consumer
	var lines []string
	for _, c := range all {
		switch {
		case c.Line == line:
			found = append(found, c)
		case c.First <= line && line <= c.Last:
			around = append(around, c)
		}
		lines = append(lines, strconv.Itoa(c.Line))
	}
	switch {
	case len(all) == 0:
		return nil, NoImage(file)
	case len(found) == 0 && len(around) > 0:
		return around, nil
	case len(found) == 0:
		return nil, fmt.Errorf("%s:%d shows no image: there is line %s; a part of one is bound by a comment behind it: # {\"$imagestream\": \"STREAM:TAG:tag\"}", file, line, strings.Join(lines, ", "))
	}
	return found, nil
}

// NoImage says that a file shows nothing that a verb can bind.
func NoImage(file string) error {
	if base := path.Base(file); kustomize.Reads(base) && (!kustomize.Finds(base) || kustomize.IsText(base)) {
		return fmt.Errorf("no line of %s clearly shows an image: one is bound by hand, by a marker in a comment above it or behind it: see docs/bindings.md", file)
	}
	return fmt.Errorf("%s shows no image that could be bound", file)
}

// Labels are the names of consumers in a sentence, with the line of those that share one.
func Labels(all []Consumer) string {
	count := map[string]int{}
	for _, c := range all {
		count[c.Label]++
	}
	var names []string
	for _, c := range all {
		name := c.Label
		if count[name] > 1 {
			name = fmt.Sprintf("%s (%s)", name, c.Pos())
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// Bindable says why a consumer that nothing binds cannot be bound; "" where it can.
func (cs *Consumers) Bindable(c Consumer) (refused string) {
	trial := *cs
	err := trial.Bind(c, stream.Ref{Namespace: c.Namespace, Name: "probe", Tag: "probe"}, false)
	if reason := errors.Unwrap(err); reason != nil {
		return reason.Error()
	}
	return ""
}
