package config

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/imgstream/imgstream/reconciler/stream"
)

func (p *parser) registries(list []Registry) {
	bound, whole := map[string]bool{}, map[string]bool{}
	for i, key := range p.items("registries", len(list)) {
		r := list[i]
		p.registry(key, r)
		if r.Host == "" {
			continue
		}
		binding := fmt.Sprintf("%q", [][]string{{r.Host}, sorted(r.Namespaces), sorted(r.Paths)})
		of := len(r.Mirrors) > 0 || r.PlainHTTP || r.CAFile != ""
		switch {
		case bound[binding]:
			p.errorf(key, "put everything about the host into one entry, or give each its own namespaces or paths",
				"is %s again, for the same namespaces and paths", r.Host)
		case of && whole[r.Host]:
			p.errorf(key, "put them into one entry of the host", "has mirrors, plainHTTP or caFile of %s, as an earlier entry has", r.Host)
		}
		bound[binding] = true
		whole[r.Host] = whole[r.Host] || of
	}
}

func sorted(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }

func (p *parser) registry(key string, r Registry) {
	switch {
	case r.Host == "":
		p.missing(key+".host", "write host: quay.io")
	case !isHost(r.Host):
		p.errorf(key+".host", "write host or host:port, without scheme and path", "is not the host of a registry%s", quote(r.Host))
	}
	for i, at := range p.items(key+".mirrors", len(r.Mirrors)) {
		if m := r.Mirrors[i]; !isMirror(m) {
			p.errorf(at, "write host[:port], or host[:port]/prefix, without scheme", "is not a mirror%s", quote(m))
		}
	}
	switch {
	case r.TokenFile != "" && (r.UsernameFile != "" || r.PasswordFile != ""):
		p.errorf(key, "keep usernameFile and passwordFile, or tokenFile", "has more than one way to authenticate")
	case r.PasswordFile != "" && r.UsernameFile == "":
		p.missing(key+".usernameFile", "a password needs the name of its user")
	case r.UsernameFile != "" && r.PasswordFile == "":
		p.missing(key+".passwordFile", "a username needs its password")
	case !r.HasCredentials() && len(r.Namespaces)+len(r.Paths) > 0:
		p.errorf(key, "add usernameFile and passwordFile, or tokenFile", "has namespaces or paths, and no credentials that they could use")
	}
	for i, at := range p.items(key+".namespaces", len(r.Namespaces)) {
		if n := r.Namespaces[i]; !stream.IsNamespace(n) {
			p.errorf(at, "write lower-case letters, digits and dashes", "is not a namespace: %q", n)
		}
	}
	for i, at := range p.items(key+".paths", len(r.Paths)) {
		if err := checkGlob(r.Paths[i]); err != nil {
			p.errorf(at, `globs are relative to the root of the repository, like "teams/a/**"`, "%v: %q", err, r.Paths[i])
		}
	}
}

var prefixSyntax = regexp.MustCompile(`^[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$`)

func isMirror(s string) bool {
	host, prefix, has := strings.Cut(s, "/")
	return isHost(host) && (!has || prefixSyntax.MatchString(prefix))
}

// localRegistry wants a host that references cannot take for a part of a path.
func (p *parser) localRegistry(s string) {
	host, _, _ := strings.Cut(s, "/")
	if s != "" && (!isMirror(s) || host != strings.ToLower(host) || host != "localhost" && !strings.ContainsAny(host, ".:")) {
		p.errorf("localRegistry", "write host[:port], or host[:port]/prefix, in lower case and without scheme; a name without a dot needs its port",
			"is not a registry%s", quote(s))
	}
}

// checkGlob says why a glob is none that stream.Match takes, or nil.
func checkGlob(glob string) error {
	if glob == "" || strings.HasPrefix(glob, "/") || strings.ContainsAny(glob, `\{}`) || path.Clean(glob) != glob || strings.HasPrefix(glob, "..") {
		return errors.New("is not a path relative to the root")
	}
	for segment := range strings.SplitSeq(glob, "/") {
		if segment != "**" && strings.Contains(segment, "**") {
			return errors.New(`has "**" that does not stand alone between slashes`)
		}
		if _, err := path.Match(segment, ""); err != nil {
			return errors.New("has a bracket that is not closed")
		}
	}
	return nil
}

var domainSyntax = regexp.MustCompile(`^[A-Za-z0-9.*?-]+(?::[0-9*?]+)?$`)

func (p *parser) allowed(list AllowList) {
	seen := map[AllowedRegistry]bool{}
	for i, key := range p.items("allowedRegistries", len(list)) {
		r := list[i]
		key += ".domainName"
		const hint = "write host or host:port; * and ? are globs"
		switch {
		case r.DomainName == "":
			p.missing(key, hint)
		case strings.Count(r.DomainName, ":") > 1:
			p.errorf(key, hint, "has too many colons%s", quote(r.DomainName))
		case !domainSyntax.MatchString(r.DomainName):
			p.errorf(key, hint, "is not the host of a registry%s", quote(r.DomainName))
		case seen[r]:
			p.errorf(key, "write it once", "is %s again", r.DomainName)
		}
		seen[r] = true
	}
}
