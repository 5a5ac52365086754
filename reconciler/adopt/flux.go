package adopt

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/imgstream/imgstream/reconciler/policy"
	"github.com/imgstream/imgstream/reconciler/stream"
)

const (
	fluxImages    = "image.toolkit.fluxcd.io"
	fluxKustomize = "kustomize.toolkit.fluxcd.io"
)

// name is a reference to an object; Namespace "" is that of the object that has it.
type name struct {
	Name      string `yaml:"name"`
	Namespace string `yaml:"namespace"`
}

// The parts of Flux's objects that matter, of v1beta1, v1beta2 and v1.
type (
	imageRepository struct {
		Image              string   `yaml:"image"`
		Interval           string   `yaml:"interval"`
		Suspend            bool     `yaml:"suspend"`
		Insecure           bool     `yaml:"insecure"`
		ExclusionList      []string `yaml:"exclusionList"`
		SecretRef          *name    `yaml:"secretRef"`
		CertSecretRef      *name    `yaml:"certSecretRef"`
		ProxySecretRef     *name    `yaml:"proxySecretRef"`
		ServiceAccountName string   `yaml:"serviceAccountName"`
		Provider           string   `yaml:"provider"`
	}
	imagePolicy struct {
		ImageRepositoryRef name `yaml:"imageRepositoryRef"`
		Policy             struct {
			SemVer *struct {
				Range string `yaml:"range"`
			} `yaml:"semver"`
			Alphabetical *ordered `yaml:"alphabetical"`
			Numerical    *ordered `yaml:"numerical"`
		} `yaml:"policy"`
		FilterTags *struct {
			Pattern string `yaml:"pattern"`
			Extract string `yaml:"extract"`
		} `yaml:"filterTags"`
		DigestReflectionPolicy string `yaml:"digestReflectionPolicy"`
		Suspend                bool   `yaml:"suspend"`
	}
	ordered struct {
		Order string `yaml:"order"`
	}
	imageUpdateAutomation struct {
		Suspend   bool      `yaml:"suspend"`
		SourceRef name      `yaml:"sourceRef"`
		Selector  *struct{} `yaml:"policySelector"`
		Git       struct {
			Checkout struct {
				Ref struct {
					Branch string `yaml:"branch"`
				} `yaml:"ref"`
			} `yaml:"checkout"`
			Commit struct {
				Author          author    `yaml:"author"`
				MessageTemplate string    `yaml:"messageTemplate"`
				SigningKey      *struct{} `yaml:"signingKey"`
			} `yaml:"commit"`
			Push struct {
				Branch  string `yaml:"branch"`
				Refspec string `yaml:"refspec"`
			} `yaml:"push"`
		} `yaml:"git"`
		Update struct {
			Path string `yaml:"path"`
		} `yaml:"update"`
	}
	author struct {
		Name  string `yaml:"name"`
		Email string `yaml:"email"`
	}
	fluxKustomization struct {
		Path            string `yaml:"path"`
		TargetNamespace string `yaml:"targetNamespace"`
		Images          []name `yaml:"images"`
	}
)

// flux is what the objects of Flux say.
type flux struct {
	rules    map[string]*rule // by namespace/name of the ImagePolicy
	left     map[string]error // policies that cannot be translated, by namespace/name
	used     map[string]bool  // ImageRepositories that a rule is for, by namespace/name
	updates  []string         // directories that some automation writes
	author   author           // of its commits
	objects  []object         // that are of no use any more
	problems []stream.Problem
}

// readFlux takes in the objects of Flux that update images.
func readFlux(all []object, settings stream.Settings) *flux {
	f := &flux{rules: map[string]*rule{}, left: map[string]error{}, used: map[string]bool{}}
	repositories := map[string]object{}
	for _, o := range all {
		if o.is(fluxImages, "ImageRepository") {
			repositories[o.key()] = o
			f.objects = append(f.objects, o)
		}
	}
	for _, o := range all {
		switch {
		case o.is(fluxImages, "ImagePolicy"):
			f.objects = append(f.objects, o)
			r, err := f.policy(o, repositories, settings.Imports.Interval)
			if err != nil {
				f.left[o.key()] = err
				f.problem(stream.Warning, o, "is not translated: "+err.Error(), "write the tag of a stream by hand, and a marker in the place of Flux's")
				continue
			}
			f.rules[o.key()] = r
		case o.is(fluxImages, "ImageUpdateAutomation"):
			f.objects = append(f.objects, o)
			f.automation(o)
		}
	}
	return f
}

func (f *flux) problem(s stream.Severity, o object, message, hint string) {
	f.problems = append(f.problems, stream.Problem{Severity: s, Pos: o.pos, Message: o.String() + " " + message, Hint: hint})
}

// spec decodes the spec of an object.
func (o object) spec(into any) error {
	n := valueOf(o.node, "spec")
	if n == nil {
		return errors.New("it has no spec")
	}
	if err := n.Decode(into); err != nil {
		return fmt.Errorf("its spec cannot be read: %s", oneLine(err))
	}
	return nil
}

// policy is the rule of an ImagePolicy.
func (f *flux) policy(o object, repositories map[string]object, standard time.Duration) (*rule, error) {
	var p imagePolicy
	if err := o.spec(&p); err != nil {
		return nil, err
	}
	ref := cmp.Or(p.ImageRepositoryRef.Namespace, o.head.Metadata.Namespace) + "/" + p.ImageRepositoryRef.Name
	from, ok := repositories[ref]
	if !ok {
		return nil, fmt.Errorf("no ImageRepository %s is in this repository", ref)
	}
	var of imageRepository
	if err := from.spec(&of); err != nil {
		return nil, fmt.Errorf("ImageRepository %s: %w", ref, err)
	}
	f.repository(from, of)
	r := &rule{pos: o.pos, name: o.String(), hint: o.head.Metadata.Name}
	image, err := stream.ParseImage(of.Image)
	if err != nil {
		return nil, fmt.Errorf("ImageRepository %s: %w", ref, err)
	}
	r.image = stream.Image{Registry: image.Registry, Repository: image.Repository}
	if r.choice, err = p.rule(); err != nil {
		return nil, err
	}
	r.setInterval(of.Interval, standard)
	if of.Suspend || p.Suspend {
		r.paused = "suspended in Flux"
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	if err := r.excludes(of.ExclusionList); err != nil {
		return nil, err
	}
	f.used[ref] = true
	return r, nil
}

// rule is what the policy is here.
func (p *imagePolicy) rule() (policy.Rule, error) {
	var rule policy.Rule
	switch {
	case p.Policy.SemVer != nil:
		rule = policy.Rule{Kind: policy.Semver, Range: p.Policy.SemVer.Range}
	case p.Policy.Alphabetical != nil:
		rule = policy.Rule{Kind: policy.Alphabetical, Order: descending(p.Policy.Alphabetical.Order)}
	case p.Policy.Numerical != nil:
		rule = policy.Rule{Kind: policy.Numerical, Order: descending(p.Policy.Numerical.Order)}
	default:
		return rule, errors.New("it has no policy: semver, alphabetical or numerical")
	}
	if p.FilterTags == nil {
		return rule, nil
	}
	var err error
	rule.Pattern, err = pattern(p.FilterTags.Pattern, p.FilterTags.Extract)
	return rule, err
}

// descending is an order as annotations write it: ascending is the default of both.
func descending(order string) string {
	if strings.EqualFold(order, policy.Ascending) {
		return ""
	}
	return strings.ToLower(order)
}

// excludes refuses a list of tags to leave out that the rule does not leave out by itself.
func (r *rule) excludes(patterns []string) error {
	for _, p := range patterns {
		word := strings.TrimSuffix(strings.TrimPrefix(p, "^"), "$")
		literal := word != "" && !strings.ContainsAny(word, `\.+*?()|[]{}^$`) && len(word) == len(p)-2
		if signatures.MatchString(p) || literal && r.leavesOut([]string{word}) {
			continue
		}
		return fmt.Errorf("a policy has no list of tags to leave out, and exclusionList has %q: write a pattern that matches the tags to take", p)
	}
	return nil
}

// repository lists what belongs to the operator of imgstream, once.
func (f *flux) repository(o object, spec imageRepository) {
	if slices.ContainsFunc(f.problems, func(p stream.Problem) bool { return p.Pos == o.pos }) {
		return
	}
	if spec.SecretRef != nil || spec.ServiceAccountName != "" || spec.Provider != "" && spec.Provider != "generic" {
		f.problem(stream.Notice, o, "has credentials of its own", "the operator's file has them: registries[] with usernameFile and passwordFile, or tokenFile")
	}
	if spec.CertSecretRef != nil || spec.Insecure {
		f.problem(stream.Notice, o, "has TLS settings of its own", "the operator's file has them: registries[] with caFile or plainHTTP")
	}
	if spec.ProxySecretRef != nil {
		f.problem(stream.Notice, o, "has a proxy of its own", "imgstream reads HTTPS_PROXY and NO_PROXY")
	}
}

// automation takes in where Flux writes.
func (f *flux) automation(o object) {
	var a imageUpdateAutomation
	if err := o.spec(&a); err != nil {
		f.problem(stream.Warning, o, err.Error(), "")
		return
	}
	if dir, ok := inTree("", cmp.Or(a.Update.Path, ".")); ok && !a.Suspend {
		f.updates = append(f.updates, dir)
	}
	if f.author == (author{}) {
		f.author = a.Git.Commit.Author
	}
	branch := a.Git.Push.Branch
	switch {
	case a.Git.Push.Refspec != "", branch != "" && branch != a.Git.Checkout.Ref.Branch:
		f.problem(stream.Warning, o, fmt.Sprintf("pushes to another branch (%s) than it reads", cmp.Or(branch, a.Git.Push.Refspec)), "imgstream commits to the branch that it reads")
	case branch+a.Git.Checkout.Ref.Branch != "":
		f.problem(stream.Notice, o, "writes the branch "+cmp.Or(branch, a.Git.Checkout.Ref.Branch), "imgstream run --branch "+cmp.Or(branch, a.Git.Checkout.Ref.Branch))
	}
	if a.Git.Commit.SigningKey != nil {
		f.problem(stream.Notice, o, "signs its commits", "the operator's file has the key: git.signingKeyFile")
	}
	if a.Git.Commit.MessageTemplate != "" {
		f.problem(stream.Notice, o, "has a template for messages", "commit.message in "+stream.SettingsPath+" has other variables: write one by hand")
	}
	if a.Selector != nil {
		f.problem(stream.Notice, o, "takes some policies only (policySelector)", "every marker counts here: look at those that it left out")
	}
}

// writes reports whether some automation writes a file. Without any, all that has markers
// counts.
func (f *flux) writes(file string) bool {
	return len(f.updates) == 0 || slices.ContainsFunc(f.updates, func(dir string) bool { return below(file, dir) })
}

// replaced are the objects that imgstream takes the place of: those that something was
// made of.
func (f *flux) replaced() []object {
	if len(f.rules) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(f.objects), func(o object) bool {
		return o.head.Kind == "ImagePolicy" && f.left[o.key()] != nil || o.head.Kind == "ImageRepository" && !f.used[o.key()]
	})
}
