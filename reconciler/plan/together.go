package plan

import (
	"fmt"

	"github.com/imgstream/imgstream/kustomize"
	"github.com/imgstream/imgstream/reconciler/stream"
)

// together is an image of which several consumers of a file show the parts.
type together struct {
	file string
	kustomize.Together
}

// parts is what holds for all parts of an image because it holds for one of them: they
// are written together, held together, and wait together.
type parts struct {
	waits, held bool
	refused     string // why one of them can never show the image
}

// togetherOf is the image that a consumer shows a part of; false where it stands alone.
func togetherOf(u Use) (together, bool) {
	of := u.Together()
	return together{u.File, of}, of != kustomize.Together{}
}

// partsOf finds what the parts of images have in common.
func (n *Next) partsOf(uses []Use, before map[binding]bool) map[together]*parts {
	all := map[together]*parts{}
	for _, u := range uses {
		of, ok := togetherOf(u)
		if !ok || u.Err != nil {
			continue
		}
		if all[of] == nil {
			all[of] = &parts{}
		}
		all[of].waits = all[of].waits || n.pendingBefore(u)
	}
	for _, u := range uses {
		of, ok := togetherOf(u)
		t := n.tags[u.Ref]
		if !ok || u.Err != nil || t == nil || t.broken || n.status(u.Ref).Head() == nil {
			continue
		}
		p, head := all[of], *n.status(u.Ref).Head()
		image := n.image(t, head)
		if u.Shows(image) {
			continue
		}
		if reason := u.Refuses(image); reason != "" && p.refused == "" {
			p.refused = fmt.Sprintf("the %s on line %d, of the same image, cannot be written: %s", u.Part, u.Line, reason)
		}
		p.held = p.held || n.holds(t, u, head, before, p.waits)
	}
	return all
}

// holds reports whether a consumer that differs from its tag was changed by people.
func (n *Next) holds(t *tag, u Use, head stream.Item, before map[binding]bool, waits bool) bool {
	return !n.moved(u.Ref) && before[u.binding()] && !waits && !n.enforces() && !n.respelled(t, u, head)
}

// partsWith are the consumers of a file that show parts of the same image as u, itself included.
func (v *View) partsWith(u *Use) []Use {
	of, ok := togetherOf(*u)
	if !ok {
		return []Use{*u}
	}
	var all []Use
	for _, o := range v.file(u.File).Uses {
		if o.Together() == of.Together {
			all = append(all, bind(v.Tree.Settings, u.File, o))
		}
	}
	return all
}
