package subjects_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/subjects"
	"github.com/leatdev/leat/schema"
)

func open(t testing.TB) *subjects.Store { return subjects.New(kvtest.New(t), clock.System()) }

func name(s string) subjects.Name { return subjects.ParseName(s) }

func avro(fields ...string) subjects.Draft {
	var list []string
	for _, f := range fields {
		if typ, ok := strings.CutSuffix(f, "!"); ok { // without a default
			list = append(list, fmt.Sprintf(`{"name":%q,"type":"int"}`, typ))
		} else {
			list = append(list, fmt.Sprintf(`{"name":%q,"type":"int","default":0}`, f))
		}
	}
	return subjects.Draft{Type: schema.Avro, Text: `{"type":"record","name":"R","fields":[` + strings.Join(list, ",") + `]}`}
}

func register(t testing.TB, s *subjects.Store, subject string, d subjects.Draft) subjects.Version {
	t.Helper()
	v, err := s.Register(t.Context(), subjects.Registration{Name: name(subject), Draft: d})
	if err != nil {
		t.Fatalf("register %s: %v", subject, err)
	}
	return v
}

// kind is the kind of an error of this package, 0 for none and -1 for any other.
func kind(err error) subjects.Kind {
	var e *subjects.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.Kind
	}
	return -1
}

func TestEqualContentsShareAnIDAndVersionsHaveUUIDsOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := open(t)
	a := register(t, s, "a", avro("x"))
	d := avro("x")
	d.Text = strings.ReplaceAll(d.Text, ",", " ,\n ")
	b := register(t, s, "b", d)
	if a.ID != b.ID || a.GUID != b.GUID || a.UUID == b.UUID || a.Number != 1 || b.Number != 1 {
		t.Errorf("a = %+v, b = %+v", a, b)
	}
	if b.Definition != d.Text || b.Canonical != a.Canonical {
		t.Errorf("b keeps definition %q, canonical %q", b.Definition, b.Canonical)
	}
	if again := register(t, s, "a", avro("x")); again.UUID != a.UUID {
		t.Error("registering twice made a second version")
	}
	if c := register(t, s, "a", avro("x", "y")); c.ID != a.ID+1 || c.Number != 2 {
		t.Errorf("the next content is %+v", c)
	}
	if other := register(t, s, ":.east:a", avro("z")); other.ID != 1 {
		t.Errorf("ids of another context begin at %d", other.ID)
	}
}

func TestManyLargeSchemasAreServedWhateverTheCacheHolds(t *testing.T) {
	t.Parallel()
	s := open(t)
	large := func(i int) subjects.Draft {
		return subjects.Draft{Type: schema.Avro, Text: fmt.Sprintf(`{"type":"fixed","name":"F","size":%d,"doc":%q}`, i+1, strings.Repeat("x", 400<<10))}
	}
	const n = 22 // together they are larger than the cache
	for i := range n {
		register(t, s, fmt.Sprint("s", i), large(i))
	}
	for i := range n {
		if v := register(t, s, fmt.Sprint("s", i), large(i)); v.ID != i+1 {
			t.Errorf("schema %d has id %d", i, v.ID)
		}
	}
}

func TestConcurrentRegistrationsOfOneSchemaGetOneID(t *testing.T) {
	t.Parallel()
	s := open(t)
	const callers, schemas = 16, 5
	ids := make([][schemas]string, callers)
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range schemas {
				v, err := s.Register(t.Context(), subjects.Registration{Name: name(fmt.Sprint("s", i%2)), Draft: avro(fmt.Sprint("f", i))})
				if err != nil {
					t.Error(err)
				}
				ids[c][i] = fmt.Sprint(v.ID, " ", v.Number, " ", v.UUID)
			}
		})
	}
	wg.Wait()
	for c := range ids {
		if ids[c] != ids[0] {
			t.Errorf("caller %d got %v, caller 0 %v", c, ids[c], ids[0])
		}
	}
	if max, err := s.MaxID(t.Context(), "."); err != nil || max != schemas {
		t.Errorf("%d ids were given, %v", max, err)
	}
}

func TestIncompatibleSchemasAreRefusedWithReasons(t *testing.T) {
	t.Parallel()
	s := open(t)
	register(t, s, "a", avro("x"))
	_, err := s.Register(t.Context(), subjects.Registration{Name: name("a"), Draft: avro("x", "y!")})
	var e *subjects.Error
	if !errors.As(err, &e) || e.Kind != subjects.Incompatible {
		t.Fatalf("got %v", err)
	}
	want := []string{
		"{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'y' at path '/fields/1' in the new schema has no default value and is missing in the old schema', additionalInfo:'y'}",
		"{oldSchemaVersion: 1}",
		`{oldSchema: '{"type":"record","name":"R","fields":[{"name":"x","type":"int","default":0}]}'}`,
		"{validateFields: 'false', compatibility: 'BACKWARD'}",
	}
	if !slices.Equal(e.Details, want) {
		t.Errorf("details\n%s", strings.Join(e.Details, "\n"))
	}
}

func TestFailedVersionsAreKeptForGlueOnly(t *testing.T) {
	t.Parallel()
	s := open(t)
	ctx := t.Context()
	register(t, s, "a", avro("x"))
	bad := subjects.Registration{Name: name("a"), Draft: avro("x", "y!"), KeepFailed: true}
	f, err := s.Register(ctx, bad)
	if err != nil || !f.Failed || f.Number != 2 {
		t.Fatalf("got %+v, %v", f, err)
	}
	if again, err := s.Register(ctx, bad); err != nil || again.UUID != f.UUID {
		t.Errorf("a second attempt made %+v, %v", again, err)
	}
	if _, err := s.Version(ctx, name("a"), 2, true); kind(err) != subjects.VersionNotFound {
		t.Errorf("Confluent's view: %v", err)
	}
	if _, err := s.ByID(ctx, name(""), f.ID); kind(err) != subjects.SchemaNotFound {
		t.Errorf("by id: %v", err)
	}
	if v, err := s.ByUUID(ctx, f.UUID); err != nil || !v.Failed {
		t.Errorf("Glue's view: %+v, %v", v, err)
	}
	if next := register(t, s, "a", avro("x", "z")); next.Number != 3 {
		t.Errorf("the next version is %d", next.Number)
	}
	if err := s.SetConfig(ctx, name("a"), subjects.Config{Level: schema.None}); err != nil {
		t.Fatal(err)
	}
	if ok, err := s.Register(ctx, bad); err != nil || ok.Failed || ok.Number != 4 || ok.ID != f.ID {
		t.Errorf("once it is allowed it becomes %+v, %v", ok, err)
	}
}

func TestDeletionIsSoftBeforeItIsPermanent(t *testing.T) {
	t.Parallel()
	s := open(t)
	ctx := t.Context()
	v1, v2 := register(t, s, "a", avro("x")), register(t, s, "a", avro("x", "y"))
	steps := []struct {
		what string
		do   func() error
		want subjects.Kind
	}{
		{"permanent before soft", func() error { _, err := s.DeleteVersion(ctx, name("a"), 1, true); return err }, subjects.VersionNotSoftDeleted},
		{"soft", func() error { _, err := s.DeleteVersion(ctx, name("a"), 1, false); return err }, 0},
		{"soft twice", func() error { _, err := s.DeleteVersion(ctx, name("a"), 1, false); return err }, subjects.VersionSoftDeleted},
		{"it is gone", func() error { _, err := s.Version(ctx, name("a"), 1, false); return err }, subjects.VersionNotFound},
		{"but can be seen", func() error { _, err := s.Version(ctx, name("a"), 1, true); return err }, 0},
		{"and its id still works", func() error { _, err := s.ByID(ctx, name(""), v1.ID); return err }, 0},
		{"Glue does not see it", func() error { _, err := s.ByUUID(ctx, v1.UUID); return err }, subjects.VersionNotFound},
		{"permanent", func() error { _, err := s.DeleteVersion(ctx, name("a"), 1, true); return err }, 0},
		{"it cannot be seen", func() error { _, err := s.Version(ctx, name("a"), 1, true); return err }, subjects.VersionNotFound},
		{"its id is forgotten", func() error { _, err := s.ByID(ctx, name(""), v1.ID); return err }, subjects.SchemaNotFound},
		{"subject, permanent before soft", func() error { _, err := s.DeleteSubject(ctx, name("a"), true); return err }, subjects.SubjectNotSoftDeleted},
		{"subject, soft", func() error { _, err := s.DeleteSubject(ctx, name("a"), false); return err }, 0},
		{"subject, soft twice", func() error { _, err := s.DeleteSubject(ctx, name("a"), false); return err }, subjects.SubjectSoftDeleted},
		{"Glue does not see the subject", func() error { _, err := s.Subject(ctx, name("a")); return err }, subjects.SubjectNotFound},
		{"subject, permanent", func() error { _, err := s.DeleteSubject(ctx, name("a"), true); return err }, 0},
		{"subject is unknown", func() error { _, err := s.DeleteSubject(ctx, name("a"), false); return err }, subjects.SubjectNotFound},
	}
	for _, st := range steps {
		if err := st.do(); kind(err) != st.want {
			t.Fatalf("%s: %v", st.what, err)
		}
	}
	if again := register(t, s, "a", avro("x")); again.Number != 1 || again.ID <= v2.ID {
		t.Errorf("a new life begins at version %d, id %d: ids are never given twice", again.Number, again.ID)
	}
}

func TestADeletedSchemaReturnsUnderItsOldID(t *testing.T) {
	t.Parallel()
	s := open(t)
	v := register(t, s, "a", avro("x"))
	if _, err := s.DeleteSubject(t.Context(), name("a"), false); err != nil {
		t.Fatal(err)
	}
	if again := register(t, s, "a", avro("x")); again.ID != v.ID || again.Number != 2 {
		t.Errorf("got id %d version %d", again.ID, again.Number)
	}
}

func TestReferencesHoldWhatTheyReferTo(t *testing.T) {
	t.Parallel()
	s := open(t)
	ctx := t.Context()
	register(t, s, ":.c:base", avro("x"))
	user := subjects.Draft{Type: schema.Avro, Text: `{"type":"array","items":"R"}`, References: []schema.Reference{{Name: "R", Subject: "base", Version: subjects.Latest}}}
	v := register(t, s, ":.c:user", user)
	if v.References[0].Version != 1 {
		t.Errorf("the latest version was not pinned: %+v", v.References)
	}
	if ids, err := s.ReferencedBy(ctx, name(":.c:base"), 1); err != nil || !slices.Equal(ids, []int{v.ID}) {
		t.Errorf("referenced by %v, %v", ids, err)
	}
	if _, err := s.DeleteVersion(ctx, name(":.c:base"), 1, false); kind(err) != subjects.ReferenceExists {
		t.Errorf("deleting what is referred to: %v", err)
	}
	if _, err := s.DeleteSubject(ctx, name(":.c:base"), false); kind(err) != subjects.ReferenceExists {
		t.Errorf("deleting the subject: %v", err)
	}
	if _, err := s.DeleteSubject(ctx, name(":.c:user"), false); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DeleteSubject(ctx, name(":.c:base"), false); err != nil {
		t.Errorf("after the referrer is gone: %v", err)
	}
	user.References[0].Subject = "nosuch"
	if _, err := s.Register(ctx, subjects.Registration{Name: name("u"), Draft: user}); kind(err) != subjects.InvalidSchema {
		t.Errorf("an unknown reference: %v", err)
	}
}

func TestModesHoldFromTheRegistryDownToTheSubject(t *testing.T) {
	t.Parallel()
	s := open(t)
	ctx := t.Context()
	try := func(subject string, id int) subjects.Kind {
		_, err := s.Register(ctx, subjects.Registration{Name: name(subject), Draft: avro(subject[len(subject)-1:]), ID: id})
		return kind(err)
	}
	set := func(n subjects.Name, m subjects.Mode, want subjects.Kind) {
		t.Helper()
		if err := s.SetMode(ctx, n, m, false); kind(err) != want {
			t.Fatalf("SetMode(%v, %s): %v", n, m, err)
		}
	}
	set(subjects.Name{}, subjects.ReadOnly, 0)
	if try("a", 0) != subjects.NotPermitted {
		t.Error("READONLY lets a schema in")
	}
	set(name("a"), subjects.ReadWrite, 0)
	if try("a", 0) != 0 {
		t.Error("the subject's READWRITE does not win over READONLY")
	}
	set(subjects.Name{}, subjects.ReadOnlyOverride, 0)
	if try("a", 0) != subjects.NotPermitted {
		t.Error("READONLY_OVERRIDE does not win")
	}
	set(subjects.Name{}, subjects.ReadWrite, 0)
	if try("b", 7) != subjects.NotPermitted {
		t.Error("an id is taken outside of IMPORT")
	}
	set(subjects.Name{}, subjects.Import, subjects.NotPermitted)
	set(name("b"), subjects.Import, 0)
	if try("b", 7) != 0 || try("b", 0) != subjects.NotPermitted {
		t.Error("IMPORT takes schemas with an id, and only those")
	}
	if _, err := s.Register(ctx, subjects.Registration{Name: name("b"), Draft: avro("other"), ID: 7}); kind(err) != subjects.NotPermitted {
		t.Errorf("an id got a second meaning: %v", err)
	}
	if v := register(t, s, "c", avro("new")); v.ID != 8 {
		t.Errorf("the next id is %d", v.ID)
	}
}

func TestCompatibilityGroupsAndMetadata(t *testing.T) {
	t.Parallel()
	s := open(t)
	ctx := t.Context()
	if err := s.SetConfig(ctx, name("a"), subjects.Config{Group: "major", OverrideMetadata: &subjects.Metadata{Properties: map[string]string{"owner": "me"}}}); err != nil {
		t.Fatal(err)
	}
	with := func(major string, d subjects.Draft) subjects.Draft {
		d.Metadata = &subjects.Metadata{Properties: map[string]string{"major": major}}
		return d
	}
	register(t, s, "a", with("1", avro("x!")))
	v := register(t, s, "a", with("2", avro("y!")))
	if v.Metadata.Properties["owner"] != "me" || v.Number != 2 {
		t.Errorf("got %+v", v)
	}
	if _, err := s.Register(ctx, subjects.Registration{Name: name("a"), Draft: with("1", avro("y!", "z!"))}); kind(err) != subjects.Incompatible {
		t.Errorf("within a group: %v", err)
	}
	if found, err := s.LatestWith(ctx, name("a"), map[string]string{"major": "1"}, false); err != nil || found.Number != 1 {
		t.Errorf("latest of major 1 is %+v, %v", found, err)
	}
	if found, err := s.Lookup(ctx, name("a"), avro("x!"), false); err != nil || found.Number != 1 {
		t.Errorf("lookup without metadata finds %+v, %v", found, err)
	}
}

func TestAccountsAndRegionsAreApart(t *testing.T) {
	t.Parallel()
	s := open(t)
	register(t, s, "a", avro("x"))
	other := aws.Internal(t.Context(), "111122223333", "eu-west-1")
	if _, err := s.Version(other, name("a"), 1, false); kind(err) != subjects.SubjectNotFound {
		t.Errorf("another account sees %v", err)
	}
}

// The power fails in the midst of concurrent registrations: what was acknowledged before is there, under its id, and no id means two contents.
func TestNothingIsLostOrDoubledAcrossCrashes(t *testing.T) {
	t.Parallel()
	const cycles, writers = 8, 6
	fs := vfs.NewCrashableMem()
	rng := rand.New(rand.NewPCG(1, 2))
	known := map[string]int{} // what was acknowledged before the last crash: the id of each content
	for cycle := range cycles {
		store, err := kvtest.OpenErr(fs)
		if err != nil {
			t.Fatal(err)
		}
		s := subjects.New(store, clock.System())
		for text, id := range known {
			if v, err := s.ByID(context.Background(), name(""), id); err != nil || v.Canonical != text {
				t.Fatalf("cycle %d: id %d is %+v, %v; want %s", cycle, id, v, err, text)
			}
		}
		fs = crashAmidRegistrations(t, s, fs, cycle, writers, known, rng)
		_ = store.Close()
	}
	texts := map[int]string{}
	for text, id := range known {
		if other, ok := texts[id]; ok {
			t.Errorf("id %d is that of %s and of %s", id, text, other)
		}
		texts[id] = text
	}
	if len(known) < cycles {
		t.Errorf("only %d registrations were acknowledged in %d cycles", len(known), cycles)
	}
}

// crashAmidRegistrations registers from several goroutines at once, the same contents under different subjects, until the disk is copied as a
// power failure would leave it. It adds what was acknowledged until then to known.
func crashAmidRegistrations(t *testing.T, s *subjects.Store, fs *vfs.MemFS, cycle, writers int, known map[string]int, rng *rand.Rand) *vfs.MemFS {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	off, enough := make(chan struct{}), make(chan struct{})
	acknowledged := 0
	for w := range writers {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-off:
					return
				default:
				}
				n := name(fmt.Sprintf("s%d-%d-%d", cycle, w, i))
				v, err := s.Register(context.Background(), subjects.Registration{Name: n, Draft: avro(fmt.Sprint("f", cycle, "_", i))})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				select {
				case <-off: // the disk was copied before this was acknowledged
				default:
					if id, ok := known[v.Canonical]; ok && id != v.ID {
						t.Errorf("%s has ids %d and %d", v.Canonical, id, v.ID)
					}
					known[v.Canonical] = v.ID
				}
				if acknowledged++; acknowledged == 20 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	mu.Lock()
	crashed := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rng})
	close(off)
	mu.Unlock()
	wg.Wait()
	return crashed
}

func TestNamesOfBothFacesAreOneToOne(t *testing.T) {
	t.Parallel()
	for subject, glue := range map[string]string{
		"payments-value": "payments-value", "a/b c": "a$2Fb$20c", "a$b": "a$b", "$3A": "$243A", "$41": "$41", ":": "$3A", "ä": "$C3$A4", "$24": "$24", "$243A": "$24243A",
	} {
		if got := subjects.EscapeGlue(subject); got != glue {
			t.Errorf("EscapeGlue(%q) = %q, want %q", subject, got, glue)
		}
		if got := subjects.UnescapeGlue(glue); got != subject {
			t.Errorf("UnescapeGlue(%q) = %q, want %q", glue, got, subject)
		}
	}
	for context, registry := range map[string]string{".": "default-registry", ".east": "east", ".a b": "a$20b"} {
		if subjects.RegistryName(context) != registry || subjects.ContextOf(registry) != context {
			t.Errorf("%q ↔ %q", context, registry)
		}
	}
}

func FuzzNames(f *testing.F) {
	for _, s := range []string{"", "a", "$", "$$3A", "$243A$24", ":.c:s", "é\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if back := subjects.UnescapeGlue(subjects.EscapeGlue(s)); back != s {
			t.Errorf("%q came back as %q", s, back)
		}
		g := strings.Map(func(r rune) rune {
			if r < utf8.RuneSelf && (r == '$' || r == '.' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z') {
				return r
			}
			return -1
		}, s)
		if back := subjects.EscapeGlue(subjects.UnescapeGlue(g)); back != g {
			t.Errorf("the Glue name %q came back as %q", g, back)
		}
	})
}

func TestLimitsOfNamesRulesAndContexts(t *testing.T) {
	t.Parallel()
	s := open(t)
	ctx := t.Context()
	long := strings.Repeat("x", subjects.MaxNameBytes)
	register(t, s, long, avro("x"))
	for _, bad := range []string{long + "x", "", "__GLOBAL", "a\x00b", ":.default-registry:a"} {
		if _, err := s.Register(ctx, subjects.Registration{Name: name(bad), Draft: avro("x")}); kind(err) != subjects.InvalidSubject {
			t.Errorf("subject %.20q: %v", bad, err)
		}
	}
	rules := func(n int) subjects.Draft {
		d := avro("x")
		d.RuleSet = &subjects.RuleSet{}
		for i := range n {
			d.RuleSet.DomainRules = append(d.RuleSet.DomainRules, subjects.Rule{Name: fmt.Sprint("r", i), Kind: "CONDITION", Type: "CEL", Mode: "WRITE"})
		}
		return d
	}
	register(t, s, "rules", rules(subjects.MaxMetadataEntries))
	if _, err := s.Register(ctx, subjects.Registration{Name: name("rules"), Draft: rules(subjects.MaxMetadataEntries + 1)}); kind(err) != subjects.InvalidRules {
		t.Errorf("too many rules: %v", err)
	}
	for i := 1; i < subjects.MaxContexts; i++ { // the default one exists by now
		if err := s.CreateRegistry(ctx, subjects.Registry{Context: fmt.Sprint(".c", i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.CreateRegistry(ctx, subjects.Registry{Context: ".more"}); kind(err) != subjects.LimitExceeded {
		t.Errorf("one context more: %v", err)
	}
}
