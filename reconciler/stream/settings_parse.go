package stream

import (
	"bytes"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ParseSettings reads .imgstream.yaml, strictly, and gives all its problems at
// once. With an error-level one among them the settings are not to be used: the
// pass aborts. Keys that are not there, or null, have their defaults.
func ParseSettings(src []byte) (Settings, []Problem) {
	r := &settingsReader{reader: reader{strict: true}, set: DefaultSettings()}
	docs, ok := r.documents(src)
	switch {
	case ok && len(docs) == 1:
		r.read(field{line: docs[0].Line, value: notNull(docs[0])})
		r.marks(src)
	case ok:
		r.errorf(0, "write apiVersion: "+groupVersion+" and kind: Repository", "the file holds %d documents, not one", len(docs))
	}
	problems := r.sorted()
	for i := range problems {
		problems[i].Pos.File = SettingsPath
	}
	return r.set, problems
}

type settingsReader struct {
	reader
	set    Settings
	meta   object
	marked bool
}

func (r *settingsReader) read(f field) {
	o := r.object(f, "", "apiVersion", "kind", "metadata", "streams", "scan", "namespaces", "imports", "history", "imageMetadata", "imageEnv",
		"batching", "commit", "consumers", "delivery", "grants", "promotions")
	r.typed(o, "Repository")
	r.metadata(o)
	r.layout(o)
	r.scan(o)
	r.namespaces(o)
	r.imports(o)
	r.history(o)
	r.batching(o)
	r.commit(o)
	r.set.Consumers = r.choice(o, "consumers", r.set.Consumers, ConsumersHold, ConsumersEnforce)
	r.set.Delivery = r.choice(o, "delivery", r.set.Delivery, "Commit", "PullRequest")
	r.unbuilt(o, "delivery", r.set.Delivery != "Commit")
	r.grants(o)
	r.unbuilt(o, "promotions", len(r.list(o, "promotions")) > 0)
}

// unbuilt reports a value that differs from the default of a feature not built yet.
func (r *settingsReader) unbuilt(o object, name string, differs bool) {
	if differs {
		r.errorf(o.at(name).line, "remove it", "%s other than the default is not supported yet", o.path(name))
	}
}

func (r *settingsReader) metadata(o object) {
	r.meta = r.object(o.at("metadata"), "metadata", "name", "namespace", "labels", "annotations")
	r.strings(r.object(r.meta.at("labels"), "metadata.labels"))
	annotations := r.strings(r.object(r.meta.at("annotations"), "metadata.annotations"))
	r.marked = annotations[localConfig] == "true"
}

// marks names what is missing for the file to be neutral to the deploy tools.
func (r *settingsReader) marks(src []byte) {
	var missing []string
	if !bytes.HasPrefix(bytes.TrimPrefix(src, []byte("\uFEFF")), []byte(skipMark)) {
		missing = append(missing, "the first line "+skipMark)
	}
	if r.text(r.meta, "name") == "" {
		missing = append(missing, "metadata.name: imgstream")
	}
	if !r.marked {
		missing = append(missing, "the annotation "+localConfig+`: "true"`)
	}
	if len(missing) > 0 {
		r.noticef(1, "add "+strings.Join(missing, ", "), "a deploy tool that reads the whole repository may take this file for a resource")
	}
}

func (r *settingsReader) layout(o object) {
	e := r.object(o.at("streams"), "streams", "directories", "statusDirectory", "createOnPush")
	r.set.Streams.Directories = r.globs(e, "directories", nil)
	r.set.Streams.CreateOnPush = r.texts(e, "createOnPush")
	for _, g := range r.set.Streams.CreateOnPush {
		if checkGlob(g) != nil || strings.Count(g, "/") != 1 || strings.Contains(g, "**") {
			r.errorf(e.at("createOnPush").line, `write namespace/stream, where * stands for any name, like "build/*"`, "streams.createOnPush: %q is no pattern of streams", g)
		}
	}
	if dir := r.text(e, "statusDirectory"); dir != "" {
		r.set.Streams.StatusDirectory = dir
		if err := checkPath(dir); err != nil || dir == "." || r.set.isStreamDirectory(dir) {
			r.errorf(e.at("statusDirectory").line, "write a directory relative to the root", "streams.statusDirectory %q is not a directory of its own", dir)
		}
		if path.Base(dir) == "images" {
			r.errorf(e.at("statusDirectory").line, "give it another name", "streams.statusDirectory %q is where the metadata of images would lie", dir)
		}
	}
}

func (r *settingsReader) scan(o object) {
	e := r.object(o.at("scan"), "scan", "include", "exclude")
	r.set.Scan.Include = r.globs(e, "include", r.set.Scan.Include)
	r.set.Scan.Exclude = r.globs(e, "exclude", nil)
}

// globs gives a list of globs; the default where none is written.
func (r *settingsReader) globs(o object, name string, fallback []string) []string {
	if o.at(name).value == nil {
		return fallback
	}
	globs := r.texts(o, name)
	for _, g := range globs {
		r.glob(o.at(name).line, o.path(name), g)
	}
	return globs
}

func (r *settingsReader) glob(line int, what, glob string) {
	if err := checkGlob(glob); err != nil {
		r.errorf(line, `globs are relative to the root, like "apps/**"`, "%s: %q: %v", what, glob, err)
	}
}

func (r *settingsReader) namespaces(o object) {
	for _, f := range r.list(o, "namespaces") {
		e := r.object(f, "namespaces[]", "path", "namespace")
		n := PathNamespace{Path: r.required(e, "path"), Namespace: r.namespace(e, "namespace")}
		if n.Path != "" {
			r.glob(e.at("path").line, "namespaces[].path", n.Path)
		}
		r.set.Namespaces = append(r.set.Namespaces, n)
	}
}

func (r *settingsReader) namespace(o object, name string) string {
	s := r.required(o, name)
	if s != "" && !IsNamespace(s) {
		r.errorf(o.at(name).line, namespaceHint, "%s %q is not a namespace", o.path(name), s)
	}
	return s
}

func (r *settingsReader) imports(o object) {
	set, old := &r.set.Imports, r.set.Imports
	e := r.object(o.at("imports"), "imports", "scheduled", "interval", "platform", "requiredPlatforms", "importMode", "repositoryLimit", "minAge")
	set.Scheduled = r.on(e, "scheduled")
	set.Interval = r.duration(e, "interval", old.Interval)
	if set.Interval <= 0 {
		r.errorf(e.at("interval").line, "write 15m, or more than 0s", "imports.interval is no time at all")
		set.Interval = old.Interval
	}
	if platform := r.text(e, "platform"); platform != "" {
		set.Platform = platform
		r.platforms(e, "platform", platform)
	}
	set.RequiredPlatforms = r.texts(e, "requiredPlatforms")
	r.platforms(e, "requiredPlatforms", set.RequiredPlatforms...)
	set.ImportMode = r.choice(e, "importMode", old.ImportMode, ModePreserveOriginal, ModeLegacy)
	set.RepositoryLimit = r.count(e, "repositoryLimit", old.RepositoryLimit)
	set.MinAge = r.duration(e, "minAge", old.MinAge)
}

func (r *settingsReader) platforms(o object, name string, platforms ...string) {
	for _, s := range platforms {
		if _, err := ParsePlatform(s); err != nil {
			r.errorf(o.at(name).line, platformsHint, "%s: %v", o.path(name), err)
		}
	}
}

func (r *settingsReader) history(o object) {
	e := r.object(o.at("history"), "history", "limit")
	r.set.HistoryLimit = r.count(e, "limit", r.set.HistoryLimit)
	r.set.ImageMetadata = r.choice(o, "imageMetadata", r.set.ImageMetadata, MetadataHead, MetadataHistory, MetadataNone)
	r.set.ImageEnv = r.on(o, "imageEnv")
}

func (r *settingsReader) batching(o object) {
	set, old := &r.set.Batching, r.set.Batching
	e := r.object(o.at("batching"), "batching", "quiet", "max")
	set.Quiet = r.duration(e, "quiet", old.Quiet)
	set.Max = r.duration(e, "max", old.Max)
}

func (r *settingsReader) commit(o object) {
	e := r.object(o.at("commit"), "commit", "author", "ciSkip", "message")
	author := r.object(e.at("author"), "commit.author", "name", "email")
	set := &r.set.Commit
	set.AuthorName, set.AuthorEmail = r.text(author, "name"), r.text(author, "email")
	if strings.ContainsAny(set.AuthorName+set.AuthorEmail, "<>\n") {
		r.errorf(author.line, "write name and email without angle brackets", "commit.author cannot stand in a commit")
	}
	if (set.AuthorName == "") != (set.AuthorEmail == "") {
		r.errorf(author.line, "write both, or neither", "commit.author has only one of name and email")
	}
	set.CISkip = r.on(e, "ciSkip")
	set.Message = r.text(e, "message")
	if err := CheckMessage(set.Message); err != nil {
		r.errorf(e.at("message").line, "write a text with {{.Subject}}, {{.Body}} and {{.Streams}}", "commit.message: %v", err)
	}
}

func (r *settingsReader) grants(o object) {
	for _, f := range r.list(o, "grants") {
		e := r.object(f, "grants[]", "namespace", "streams", "to")
		g := Grant{Namespace: r.namespace(e, "namespace"), Streams: r.texts(e, "streams"), To: r.texts(e, "to")}
		if len(g.Streams) == 0 {
			r.errorf(e.at("streams").line, `write the names of streams, or ["*"] for all`, "grants[].streams is missing")
		}
		if len(g.To) == 0 {
			r.errorf(e.at("to").line, "write the namespaces that may use the streams", "grants[].to is missing")
		}
		for _, s := range g.Streams {
			if s != "*" && !IsName(s) {
				r.errorf(e.at("streams").line, `write the names of streams, or ["*"] for all`, "grants[].streams: %q is not the name of a stream", s)
			}
		}
		for _, ns := range g.To {
			if !IsNamespace(ns) {
				r.errorf(e.at("to").line, namespaceHint, "grants[].to: %q is not a namespace", ns)
			}
		}
		r.set.Grants = append(r.set.Grants, g)
	}
}

// choice gives one of the values, the default where none is written.
func (r *settingsReader) choice(o object, name, fallback string, values ...string) string {
	s := r.text(o, name)
	if s == "" {
		return fallback
	}
	if !slices.Contains(values, s) {
		r.errorf(o.at(name).line, "write "+strings.Join(values, " or "), "%s %q is not known", o.path(name), s)
		return fallback
	}
	return s
}

// duration gives a time span like 15m, the default where none is written.
func (r *settingsReader) duration(o object, name string, fallback time.Duration) time.Duration {
	s := r.text(o, name)
	if s == "" {
		return fallback
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		r.errorf(o.at(name).line, "write hours, minutes and seconds like 1h30m or 15m or 0s", "%s %q is not a time span", o.path(name), s)
		return fallback
	}
	return d
}

// count gives a number from 1 on, the default where none is written.
func (r *settingsReader) count(o object, name string, fallback int) int {
	s := r.text(o, name)
	if s == "" {
		return fallback
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		r.errorf(o.at(name).line, "write a number from 1 on", "%s %q is not a positive number", o.path(name), s)
		return fallback
	}
	return n
}
