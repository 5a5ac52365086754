package adopt

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/reconciler/policy"
	"github.com/imgstream/imgstream/reconciler/stream"
)

const (
	argo    = "argoproj.io"
	updates = "argocd-image-updater.argoproj.io"
)

// application is what matters of an Argo CD Application.
type application struct {
	object
	dirs      []string // of its sources that lie in this repository
	namespace string   // of its destination; "" = none
	revision  string   // of its source
	values    bool     // a source of it is for the values of others: ref, without a path
}

// applicationSpec is as Argo CD reads it.
type applicationSpec struct {
	Source      *applicationSource  `yaml:"source"`
	Sources     []applicationSource `yaml:"sources"`
	Destination struct {
		Namespace string `yaml:"namespace"`
	} `yaml:"destination"`
}

type applicationSource struct {
	Path           string `yaml:"path"`
	TargetRevision string `yaml:"targetRevision"`
	Ref            string `yaml:"ref"`
}

// applications are the Applications of the repository; isDir says which directories there are.
func applications(all []object, isDir func(string) bool) []application {
	var found []application
	for _, o := range all {
		var spec applicationSpec
		if !o.is(argo, "Application") || o.spec(&spec) != nil {
			continue
		}
		app := application{object: o, namespace: spec.Destination.Namespace}
		if spec.Source != nil {
			spec.Sources = append(spec.Sources, *spec.Source)
		}
		for _, s := range spec.Sources {
			if dir, ok := inTree("", s.Path); ok && s.Path != "" && isDir(dir) {
				app.dirs, app.revision = append(app.dirs, dir), s.TargetRevision
			}
			app.values = app.values || s.Ref != "" && s.Path == ""
		}
		found = append(found, app)
	}
	return found
}

// target is where Argo CD Image Updater writes one image of an application.
type target struct {
	rule  *rule
	app   application
	write writeBack
	dir   string // of the application
	name  string // of the image in a kustomization; "" = the image's own

	helmName, helmTag, helmSpec string // keys of Helm values, with dots between them
}

// writeBack is where an application's images are written.
type writeBack struct {
	git    bool   // not into the Application in the cluster
	target string // kustomization[:DIR], helmvalues[:FILE]; "" = .argocd-source-NAME.yaml
	branch string // [base][:target]
}

// settings are those of one image, of Argo CD Image Updater.
type updateSettings struct {
	UpdateStrategy string   `yaml:"updateStrategy"`
	AllowTags      string   `yaml:"allowTags"`
	IgnoreTags     []string `yaml:"ignoreTags"`
	PullSecret     string   `yaml:"pullSecret"`
	Platforms      []string `yaml:"platforms"`
}

// or takes what is not set from less specific settings.
func (s updateSettings) or(o updateSettings) updateSettings {
	s.UpdateStrategy = cmp.Or(s.UpdateStrategy, o.UpdateStrategy)
	s.AllowTags = cmp.Or(s.AllowTags, o.AllowTags)
	s.PullSecret = cmp.Or(s.PullSecret, o.PullSecret)
	if len(s.IgnoreTags) == 0 {
		s.IgnoreTags = o.IgnoreTags
	}
	if len(s.Platforms) == 0 {
		s.Platforms = o.Platforms
	}
	return s
}

// updater is what Argo CD Image Updater is told to do.
type updater struct {
	targets  []target
	left     []target // that are not translated, and so are not touched
	objects  []object // that some target came of
	problems []stream.Problem

	taken map[string]bool // applications whose annotations do not count, as a resource has them
}

// readUpdater takes in annotations of Applications, and ImageUpdater resources.
func readUpdater(all []object, apps []application) *updater {
	u := &updater{taken: map[string]bool{}}
	for _, o := range all {
		if o.is(updates, "ImageUpdater") {
			u.resource(o, apps)
		}
	}
	for _, app := range apps {
		if app.annotation("image-list") != "" && !u.taken[app.key()] {
			u.annotated(app)
		}
	}
	return u
}

func (u *updater) problem(s stream.Severity, o object, message, hint string) {
	u.problems = append(u.problems, stream.Problem{Severity: s, Pos: o.pos, Message: o.String() + " " + message, Hint: hint})
}

// annotated reads the annotations of an Application.
func (u *updater) annotated(app application) {
	list, err := imageList(app.annotation("image-list"))
	if err != nil {
		u.problem(stream.Warning, app.object, "is not translated as a whole: "+err.Error(), "")
	}
	back := writeBack{
		git: strings.HasPrefix(app.annotation("write-back-method"), "git"), target: app.annotation("write-back-target"),
		branch: app.annotation("git-branch"),
	}
	common := app.updateSettings("")
	for _, l := range list {
		key := l.alias
		if key == "" {
			key = strings.ReplaceAll(l.image.Repository, "/", "_")
		}
		prefix := key + "."
		u.add(app.object, app, l, app.updateSettings(prefix).or(common), target{
			write: back, name: app.annotation(prefix + "kustomize.image-name"),
			helmName: app.annotation(prefix + "helm.image-name"), helmTag: app.annotation(prefix + "helm.image-tag"), helmSpec: app.annotation(prefix + "helm.image-spec"),
		})
	}
}

func (a application) annotation(name string) string {
	return strings.TrimSpace(a.head.Metadata.Annotations[updates+"/"+name])
}

// updateSettings are those of the annotations with a prefix: that of an image, or none.
func (a application) updateSettings(prefix string) updateSettings {
	return updateSettings{
		UpdateStrategy: a.annotation(prefix + "update-strategy"), AllowTags: a.annotation(prefix + "allow-tags"),
		IgnoreTags: words(a.annotation(prefix + "ignore-tags")), PullSecret: a.annotation(prefix + "pull-secret"),
		Platforms: words(a.annotation(prefix + "platforms")),
	}
}

// words are those of a list with commas.
func words(list string) []string {
	var all []string
	for w := range strings.SplitSeq(list, ",") {
		if w = strings.TrimSpace(w); w != "" {
			all = append(all, w)
		}
	}
	return all
}

// imageUpdater is the spec of an ImageUpdater (v1alpha1).
type imageUpdater struct {
	Namespace       string           `yaml:"namespace"`
	Common          updateSettings   `yaml:"commonUpdateSettings"`
	WriteBack       writeBackConfig  `yaml:"writeBackConfig"`
	ApplicationRefs []applicationRef `yaml:"applicationRefs"`
	Images          []imageConfig    `yaml:"images"` // of its first versions: for all applications
}

type applicationRef struct {
	NamePattern    string          `yaml:"namePattern"`
	LabelSelectors *labelSelector  `yaml:"labelSelectors"`
	UseAnnotations bool            `yaml:"useAnnotations"`
	Common         updateSettings  `yaml:"commonUpdateSettings"`
	WriteBack      writeBackConfig `yaml:"writeBackConfig"`
	Images         []imageConfig   `yaml:"images"`
}

type labelSelector struct {
	MatchLabels      map[string]string `yaml:"matchLabels"`
	MatchExpressions []any             `yaml:"matchExpressions"`
}

type imageConfig struct {
	Alias     string         `yaml:"alias"`
	ImageName string         `yaml:"imageName"`
	Common    updateSettings `yaml:"commonUpdateSettings"`
	Platforms []string       `yaml:"platforms"`
	Targets   struct {
		Helm struct {
			Name string `yaml:"name"`
			Tag  string `yaml:"tag"`
			Spec string `yaml:"spec"`
		} `yaml:"helm"`
		Kustomize struct {
			Name string `yaml:"name"`
		} `yaml:"kustomize"`
	} `yaml:"manifestTargets"`
}

type writeBackConfig struct {
	Method    string `yaml:"method"`
	GitConfig struct {
		Branch          string `yaml:"branch"`
		WriteBackTarget string `yaml:"writeBackTarget"`
	} `yaml:"gitConfig"`
}

// or takes what is not set from the resource's own.
func (w writeBackConfig) or(o writeBackConfig) writeBack {
	return writeBack{
		git:    strings.HasPrefix(cmp.Or(w.Method, o.Method), "git"),
		target: cmp.Or(w.GitConfig.WriteBackTarget, o.GitConfig.WriteBackTarget),
		branch: cmp.Or(w.GitConfig.Branch, o.GitConfig.Branch),
	}
}

// resource reads an ImageUpdater: of its references, the first that matches an
// application counts.
func (u *updater) resource(o object, apps []application) {
	var spec imageUpdater
	if err := o.spec(&spec); err != nil {
		u.problem(stream.Warning, o, "is not translated: "+err.Error(), "")
		return
	}
	seen := map[string]bool{}
	for _, ref := range spec.ApplicationRefs {
		matched := false
		for _, app := range apps {
			if !ref.matches(app, cmp.Or(spec.Namespace, o.head.Metadata.Namespace)) {
				continue
			}
			if matched = true; !seen[app.key()] {
				seen[app.key()] = true
				u.referenced(o, app, spec, ref)
			}
		}
		if !matched {
			u.problem(stream.Warning, o, fmt.Sprintf("is for applications %s, and none is in this repository", ref.NamePattern), "bind their images by hand, or run init where they are")
		}
	}
}

// matches reports whether a reference means an application. Where neither names a
// namespace, names decide.
func (r applicationRef) matches(app application, namespace string) bool {
	ok, err := path.Match(r.NamePattern, app.head.Metadata.Name)
	if own := app.head.Metadata.Namespace; !ok || err != nil || own != "" && namespace != "" && own != namespace {
		return false
	}
	if r.LabelSelectors == nil {
		return true
	}
	for key, value := range r.LabelSelectors.MatchLabels {
		if app.head.Metadata.Labels[key] != value {
			return false
		}
	}
	return len(r.LabelSelectors.MatchExpressions) == 0
}

// referenced takes in the images of one application that a resource names.
func (u *updater) referenced(o object, app application, spec imageUpdater, ref applicationRef) {
	if ref.UseAnnotations {
		return // annotated has them
	}
	u.taken[app.key()] = true
	for _, image := range slices.Concat(ref.Images, spec.Images) {
		l, err := listedImage(image.ImageName)
		if err != nil {
			u.problem(stream.Warning, o, "is not translated as a whole: "+err.Error(), "")
			continue
		}
		own := image.Common
		if len(own.Platforms) == 0 {
			own.Platforms = image.Platforms
		}
		u.add(o, app, l, own.or(ref.Common).or(spec.Common), target{
			write: ref.WriteBack.or(spec.WriteBack), name: image.Targets.Kustomize.Name,
			helmName: image.Targets.Helm.Name, helmTag: image.Targets.Helm.Tag, helmSpec: image.Targets.Helm.Spec,
		})
	}
}

// add takes in one image of an application, or lists why not.
func (u *updater) add(o object, app application, l listed, s updateSettings, t target) {
	what := "image " + l.image.Name()
	if o.key() != app.key() || o.head.Kind != app.head.Kind {
		what += " of " + app.String()
	}
	t.app = app
	r, err := l.rule(o, what, s)
	if err != nil || !t.write.git {
		t.rule = &rule{pos: o.pos, image: l.image}
		for _, t.dir = range app.dirs {
			u.left = append(u.left, t)
		}
	}
	dirs := app.dirs
	if len(dirs) == 0 && app.values && strings.HasPrefix(t.write.target, "helmvalues:/") {
		dirs = []string{"."}
	}
	switch {
	case err != nil:
		u.problem(stream.Warning, o, what+" is not translated: "+err.Error(), "write the tag of a stream by hand")
	case !t.write.git:
		u.problem(stream.Warning, o, what+" is not translated: write-back-method argocd keeps what runs in the cluster alone, so git does not say it",
			"set the method git, let it write once, and run init again")
	case len(dirs) == 0:
		u.problem(stream.Warning, o, what+" is not translated: the application's source is not in this repository", "run init where it is")
	default:
		if _, to, other := strings.Cut(t.write.branch, ":"); other && to != "" {
			u.problem(stream.Notice, o, "writes another branch ("+to+") than it reads", "imgstream commits to the branch that it reads")
		}
		if s.PullSecret != "" {
			u.problem(stream.Notice, o, what+" has credentials of its own", "the operator's file has them: registries[] with usernameFile and passwordFile, or tokenFile")
		}
		if len(s.Platforms) > 1 {
			u.problem(stream.Notice, o, what+" is for any of "+strings.Join(s.Platforms, ", "), "write "+stream.AnnotationPlatforms+" where an image must have all of some platforms")
		}
		for _, dir := range dirs {
			t.rule, t.dir = r, dir
			u.targets = append(u.targets, t)
		}
		if !slices.ContainsFunc(u.objects, func(of object) bool { return of.pos == o.pos }) {
			u.objects = append(u.objects, o)
		}
	}
}

// rule is the rule of one image.
func (l listed) rule(o object, what string, s updateSettings) (*rule, error) {
	r := &rule{pos: o.pos, name: o.String() + " " + what, image: l.image}
	switch strings.ToLower(cmp.Or(s.UpdateStrategy, policy.Semver)) {
	case "semver":
		r.choice = policy.Rule{Kind: policy.Semver, Range: l.constraint}
	case "latest", "newest-build":
		r.choice.Kind = policy.Newest
	case "name", "alphabetical":
		r.choice.Kind = policy.Alphabetical
	case "digest":
		if r.image.Tag = l.constraint; !stream.IsTag(l.constraint) {
			return nil, errors.New("update-strategy digest follows a tag, and the image names none")
		}
	default:
		return nil, fmt.Errorf("update-strategy %q is not known", s.UpdateStrategy)
	}
	if len(s.Platforms) == 1 { // of several, one is enough there, and all are required here
		r.platforms = s.Platforms[0]
	}
	if _, err := stream.ParsePlatforms(r.platforms); err != nil {
		return nil, err
	}
	if r.choice.Kind == "" {
		return r, nil
	}
	var err error
	if r.choice.Pattern, err = allowed(s.AllowTags); err != nil {
		return nil, fmt.Errorf("allow-tags: %w", err)
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	switch {
	case matchesAll(s.IgnoreTags):
		r.paused = "all tags are ignored in Argo CD Image Updater"
	case !r.leavesOut(s.IgnoreTags):
		return nil, fmt.Errorf("a policy has no list of tags to leave out, and ignore-tags has some (%s): write a pattern that matches the tags to take", strings.Join(s.IgnoreTags, ", "))
	}
	return r, nil
}
