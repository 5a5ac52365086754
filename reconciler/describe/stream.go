package describe

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/imgstream/imgstream/reconciler/stream"
)

// Stream is what describe is prints of one stream: the layout of oc (openshift.md 4.6)
// and, on lines of their own, what imgstream knows beyond it.
func Stream(tree *stream.Tree, s *stream.Stream, now time.Time) string {
	d := streamText{tabbed: newTabbed(), tree: tree, stream: s, now: now}
	d.head()
	tags := d.tags()
	if len(tags) == 0 {
		d.field("Tags")
		return d.String()
	}
	d.field("Unique Images", fmt.Sprint(uniqueImages(tags)))
	d.field("Tags", fmt.Sprint(len(tags)))
	aliases := d.fold(tags)
	for _, t := range tags {
		if _, folded := aliases.of[t.name]; !folded {
			d.linef("")
			d.tag(t, aliases.behind[t.name])
		}
	}
	return d.String()
}

// noReason stands for the reason of a pause without one.
const noReason = "no reason is given"

// streamText is one description while it is written.
type streamText struct {
	*tabbed
	tree   *stream.Tree
	stream *stream.Stream
	now    time.Time
}

func (d *streamText) head() {
	s := d.stream
	d.field("Name", s.Name)
	d.field("Namespace", s.Namespace)
	if s.Created != "" {
		d.field("Created", ago(d.now, s.Created))
	}
	d.pairs("Labels", s.Labels)
	d.annotations(s.Annotations)
	d.field("Image Repository", d.tree.Document(s).Status.DockerImageRepository)
	d.field("Image Lookup", fmt.Sprintf("local=%t", s.LookupLocal))
	if reason, paused := s.Annotations[stream.AnnotationPaused]; paused {
		d.field("Paused", cmp.Or(reason, noReason))
	}
}

// tag is one tag of the union of spec and status.
type tag struct {
	name   string
	spec   *stream.Tag     // nil: the spec does not list it
	status *stream.Status  // nil: it has none
	broken *stream.Problem // why its status file cannot be used; nil: it can
}

// tags gives all of them in OpenShift's order (openshift.md 2.8).
func (d *streamText) tags() []tag {
	byName := map[string]tag{}
	for i := range d.stream.Tags {
		byName[d.stream.Tags[i].Name] = tag{spec: &d.stream.Tags[i]}
	}
	for _, st := range d.tree.StatusesOf(d.stream) {
		byName[st.Ref.Tag] = tag{spec: d.tree.SpecTag(d.stream, st.Ref.Tag), status: st}
	}
	for ref, p := range d.tree.Broken {
		if ref.Stream() == d.stream.Ref() {
			t := byName[ref.Tag]
			t.broken = &p
			byName[ref.Tag] = t
		}
	}
	return inOrder(byName)
}

// inOrder is the order in which repositories are imported, but for latest, which comes
// after the versions: a reader looks for them first.
func inOrder(byName map[string]tag) []tag {
	names := make([]string, 0, len(byName))
	for name := range byName {
		names = append(names, name)
	}
	stream.SortTags(names)
	slices.SortStableFunc(names, func(a, b string) int { return group(a) - group(b) })
	tags := make([]tag, len(names))
	for i, name := range names {
		tags[i] = byName[name]
		tags[i].name = name
	}
	return tags
}

func group(tag string) int {
	if stream.IsVersion(tag) {
		return 0
	}
	return 1
}

// uniqueImages counts the digests of all histories; an item without one counts by its reference.
func uniqueImages(tags []tag) int {
	images := map[string]bool{}
	for _, t := range tags {
		if t.status == nil {
			continue
		}
		for _, i := range t.status.Items {
			images[cmp.Or(i.Image, i.DockerImageReference)] = true
		}
	}
	return len(images)
}

func (d *streamText) tag(t tag, aliases []string) {
	name := t.name
	if len(aliases) > 0 {
		name += " (" + strings.Join(aliases, ", ") + ")"
	}
	d.linef("%s", name)
	d.source(t)
	d.linef("")
	if t.spec != nil {
		d.texts(t.spec.Annotations)
		d.state(t)
	}
	d.status(t)
}

// source says where the tag's image comes from, and how.
func (d *streamText) source(t tag) {
	switch {
	case t.spec == nil:
		d.linef("  no spec tag")
		return
	case t.spec.From == nil:
		d.linef("  tag without source image")
	default:
		d.linef("  %s %s", manner(t.spec, d.tree.Settings), plain(fromName(d.stream, *t.spec.From)))
	}
	if t.spec.Insecure {
		d.linef("    will use insecure HTTPS or HTTP connections")
	}
	if t.spec.ReferencePolicy == "Local" {
		d.linef("    prefer registry pullthrough when referencing this tag")
	}
	if source := t.spec.Source(d.stream.Namespace); source != nil {
		d.policy(source.Policy)
	}
}

// manner is the beginning of a source line (the table of openshift.md 4.6).
func manner(t *stream.Tag, settings stream.Settings) string {
	switch t.From.Kind {
	case stream.KindDockerImage:
		return howTaken(t.Reference, t.IsScheduled(settings)) + " registry"
	case stream.KindImageStreamTag:
		return howTaken(t.Reference, false)
	case stream.KindImageStreamImage:
		if t.Reference {
			return "reference to image"
		}
		return "tagged from"
	}
	if t.Reference {
		return "reference to " + plain(t.From.Kind)
	}
	return "updates from " + plain(t.From.Kind)
}

func howTaken(reference, scheduled bool) string {
	switch {
	case reference:
		return "reference to"
	case scheduled:
		return "updates automatically from"
	}
	return "tagged from"
}

// fromName is the name of a source as seen from the stream.
func fromName(s *stream.Stream, from stream.From) string {
	if from.Namespace != "" && from.Namespace != s.Namespace {
		return from.Namespace + "/" + from.Name
	}
	return from.Name
}

// policy tells by which policy the tag of a repository is chosen.
func (d *streamText) policy(policy map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(policy)) {
		d.linef("    %s: %s", strings.TrimPrefix(key, "imgstream.dev/"), plain(policy[key]))
	}
}

// texts are what the tag's annotations tell people.
func (d *streamText) texts(annotations map[string]string) {
	told := false
	for _, text := range []struct{ key, label string }{
		{"description", ""}, {"tags", "Tags: "}, {"supports", "Supports: "}, {"sampleRepo", "Example Repo: "},
	} {
		value := annotations[text.key]
		if value == "" {
			continue
		}
		told = true
		if text.key == "tags" || text.key == "supports" {
			value = strings.Join(strings.Split(value, ","), ", ")
		}
		for line := range strings.SplitSeq(strings.TrimRight(value, "\n"), "\n") {
			d.linef("  %s%s", text.label, plain(line))
		}
	}
	if told {
		d.linef("")
	}
}

// state is what the spec asks for and is not, or must not be, done.
func (d *streamText) state(t tag) {
	if reason, paused := t.spec.Annotations[stream.AnnotationPaused]; paused {
		d.linef("  ! paused: %s", cmp.Or(plain(reason), noReason))
	}
	if _, paused := d.stream.Paused(t.spec); !paused && importing(d.stream, t) {
		d.linef("  ~ importing latest image ...")
	}
}

// importing says that no import answered yet what the spec says.
func importing(s *stream.Stream, t tag) bool {
	if t.spec == nil || t.spec.From == nil || t.spec.Reference || t.broken != nil || t.spec.Blocked {
		return false
	}
	return !t.status.Answers(t.spec.Source(s.Namespace))
}

func (d *streamText) status(t tag) {
	if t.broken != nil {
		d.linef("  ! error: %s", plain(t.broken.Message))
		d.linef("      %s", t.broken.Pos)
	}
	if t.status == nil {
		return
	}
	for _, c := range t.status.Conditions {
		d.condition(c)
	}
	for _, p := range t.status.Pending {
		d.linef("  ! not written yet: %s %s", plain(p.File), plain(p.Path))
	}
	if c := t.status.Candidate; c != nil {
		d.linef("  ~ candidate waiting: %s", c.Image)
		d.linef("      %s", ago(d.now, c.FirstSeen))
	}
	for i, item := range t.status.Items {
		d.item(item, i == 0)
	}
	for _, r := range t.status.Rejected {
		d.linef("  - rejected: %s", r.Image)
		by := "" // what rollback wrote has none before the next pass
		if r.Commit != "" {
			by = " by commit " + abbreviated(r.Commit)
		}
		d.linef("      %s%s", ago(d.now, r.At), by)
	}
}

func (d *streamText) condition(c stream.Condition) {
	what := plain(c.Type)
	if c.Type == stream.ConditionImportSuccess && c.Status == stream.StatusFalse {
		what = "error: Import failed"
	}
	d.linef("  ! %s (%s): %s", what, plain(c.Reason), plain(c.Message))
	d.linef("      %s", ago(d.now, c.LastTransitionTime))
}

// item is one entry of the history; the digest stands behind the age of a pull spec without it.
func (d *streamText) item(i stream.Item, head bool) {
	mark := " "
	if head {
		mark = "*"
	}
	d.linef("  %s %s", mark, plain(i.DockerImageReference))
	digest := ""
	if i.Image != "" && !strings.HasSuffix(i.DockerImageReference, "@"+i.Image) {
		digest = "\t" + plain(i.Image)
	}
	d.linef("      %s%s", ago(d.now, i.Created), digest)
}

// folded are the aliases that stand behind their final target.
type folded struct {
	of     map[string]string   // by alias: its target
	behind map[string][]string // by target: its aliases, in the order of the tags
}

// fold finds the tags that follow another of the stream, through any number of hops,
// and have nothing to tell but what that one tells.
func (d *streamText) fold(tags []tag) folded {
	byName := map[string]tag{}
	for _, t := range tags {
		byName[t.name] = t
	}
	f := folded{of: map[string]string{}, behind: map[string][]string{}}
	for _, t := range tags {
		target := d.target(t, byName)
		if target != "" && !differs(t, byName[target]) {
			f.of[t.name] = target
			f.behind[target] = append(f.behind[target], t.name)
		}
	}
	return f
}

// target is the last tag that an alias follows within its stream; "" for a tag that
// is none, or that leads round in a circle or to no tag.
func (d *streamText) target(t tag, byName map[string]tag) string {
	for hops := 0; hops <= len(byName); hops++ {
		next := d.follows(t)
		if next == "" {
			if hops == 0 {
				return ""
			}
			return t.name
		}
		known := false
		if t, known = byName[next]; !known {
			return ""
		}
	}
	return ""
}

// follows is the tag of the same stream that a tag follows; "" when it follows none.
func (d *streamText) follows(t tag) string {
	if t.spec == nil || t.spec.From == nil || t.spec.From.Kind != stream.KindImageStreamTag || t.spec.Blocked {
		return ""
	}
	src, err := stream.ParseSource(d.stream.TagRef(t.name), *t.spec.From)
	if err != nil || src.Stream() != d.stream.Ref() {
		return ""
	}
	return src.Tag
}

// differs reports whether an alias has something to tell of its own.
func differs(alias, target tag) bool {
	if _, paused := alias.spec.Annotations[stream.AnnotationPaused]; paused || alias.broken != nil {
		return true
	}
	st := alias.status
	if st == nil {
		return false
	}
	own := len(st.Conditions) + len(st.Pending) + len(st.Rejected)
	return own > 0 || st.Candidate != nil || !sameImage(st.Head(), target.status.Head())
}

func sameImage(a, b *stream.Item) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Image == b.Image && a.DockerImageReference == b.DockerImageReference
}

// ago is an age for a description, where none is not left empty.
func ago(now time.Time, moment string) string {
	return cmp.Or(Ago(now, moment), unknownAge)
}
