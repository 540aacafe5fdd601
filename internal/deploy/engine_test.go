package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/deploy/template"
)

const first = `
Resources:
  A: {Type: Test::Thing, Properties: {Size: 1, Kind: x}}
  B: {Type: Test::Thing, Properties: {Size: 2, Link: !GetAtt A.Arn}}
  C: {Type: Test::Anon, Properties: {Size: 3, Link: same}}
  D: {Type: Test::Thing, Properties: {Size: 4, Name: fixed}}
Outputs:
  Link: {Value: !GetAtt A.Arn, Export: {Name: !Sub '${AWS::StackName}-a'}}
`

// second updates B through A's replacement, updates D in place, removes C and adds E.
const second = `
Resources:
  A: {Type: Test::Thing, Properties: {Size: 1, Kind: y}}
  B: {Type: Test::Thing, Properties: {Size: 2, Link: !GetAtt A.Arn}}
  D: {Type: Test::Thing, Properties: {Size: 5, Name: fixed}}
  E: {Type: Test::Thing, DependsOn: D, Properties: {Size: 6, Link: !Ref B}}
`

func deployAll(t *testing.T, w *world, src string) *deploy.Deployment {
	t.Helper()
	d := w.deployment(t, src, nil)
	if err := w.engine().Apply(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if err := w.engine().Cleanup(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestPlanTellsWhatAndWhy(t *testing.T) {
	t.Parallel()
	w := newWorld()
	plan, err := w.engine().Plan(w.deployment(t, first, nil))
	if err != nil || plan.Counts()[deploy.Create] != 4 {
		t.Fatalf("%v %v", plan, err)
	}
	d := deployAll(t, w, first)
	out, err := d.Outputs()
	if err != nil || len(out) != 1 || out[0].Export != "shop-a" || out[0].Value != "arn:"+d.Records["A"].Current.PhysicalID {
		t.Errorf("outputs %+v, %v", out, err)
	}
	plan, err = w.engine().Plan(w.deployment(t, first, nil))
	if err != nil || !plan.Empty() {
		t.Errorf("the same template again: %v %v", plan, err)
	}
	plan, err = w.engine().Plan(w.deployment(t, second, nil))
	if err != nil {
		t.Fatal(err)
	}
	a := d.Records["A"].Current.PhysicalID
	want := "replace   A (Test::Thing)\n            Kind: x → y (forces replacement)\n" +
		"update    B (Test::Thing)\n            Link: arn:" + a + " → (known after apply)\n" +
		"update    D (Test::Thing)\n            Size: 4 → 5\n" +
		"create    E (Test::Thing)\ndelete    C (Test::Anon)\n"
	if plan.String() != want {
		t.Errorf("plan:\n%s\nwant:\n%s", plan, want)
	}
}

func TestDependenciesComeFirstAndDeletesLast(t *testing.T) {
	t.Parallel()
	w := newWorld()
	deployAll(t, w, first)
	w.calls = nil
	deployAll(t, w, second)
	at := func(s string) int { return slices.Index(w.calls, s) }
	for _, pair := range [][2]string{{"create A", "update B"}, {"update B", "create E"}, {"create E", "delete A"}, {"update D", "delete C"}} {
		if at(pair[0]) < 0 || at(pair[0]) > at(pair[1]) {
			t.Errorf("%v is out of order in %v", pair, w.calls)
		}
	}
}

func TestAFailedUpdateLeavesTheWorldAsItWas(t *testing.T) {
	t.Parallel()
	w := newWorld()
	deployAll(t, w, first)
	before := w.standing()
	w.fail["E"] = errors.New("no room")
	d := w.deployment(t, second, nil)
	err := w.engine().Apply(t.Context(), d)
	var fe *deploy.FailedError
	if !errors.As(err, &fe) || fe.LogicalID != "E" {
		t.Fatalf("failed with %v", err)
	}
	if err := w.engine().Rollback(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if w.standing() != before {
		t.Errorf("after rollback:\n%s\nbefore:\n%s", w.standing(), before)
	}
	w.fail = nil
	if plan, err := w.engine().Plan(w.deployment(t, first, nil)); err != nil || !plan.Empty() {
		t.Errorf("the old template differs after rollback: %v %v", plan, err)
	}
}

func TestAFailedUpdateThatCannotBePutBackCanBeTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld()
	deployAll(t, w, first)
	before := w.standing()
	w.fail["E"] = errors.New("no room")
	w.fail["D=4"] = errors.New("stuck")
	d := w.deployment(t, second, nil)
	if err := w.engine().Apply(t.Context(), d); err == nil {
		t.Fatal("no failure")
	}
	if err := w.engine().Rollback(t.Context(), d); err == nil || !strings.Contains(err.Error(), "D: stuck") {
		t.Fatalf("rollback: %v", err)
	}
	delete(w.fail, "D=4")
	d = w.deployment(t, second, nil)
	if err := w.engine().Rollback(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if w.standing() != before {
		t.Errorf("after the second rollback:\n%s\nbefore:\n%s", w.standing(), before)
	}
}

// TestADeployKilledAnywhereCanBeFinishedOrUndone kills an update at every step,
// before and after the step took effect, and then finishes or undoes it from
// what the journal holds.
func TestADeployKilledAnywhereCanBeFinishedOrUndone(t *testing.T) {
	t.Parallel()
	wantOld, wantNew := newWorld(), newWorld()
	deployAll(t, wantOld, first)
	deployAll(t, wantNew, first)
	deployAll(t, wantNew, second)
	for _, undo := range []bool{false, true} {
		for _, after := range []bool{false, true} {
			for fuse := 0; ; fuse++ {
				w := newWorld()
				deployAll(t, w, first)
				ctx, cancel := context.WithCancel(t.Context())
				w.fuse, w.after, w.kill = fuse, after, cancel
				d := w.deployment(t, second, nil)
				err := w.engine().Apply(ctx, d)
				if err == nil {
					cancel()
					break
				}
				w.fuse = -1
				d = w.deployment(t, second, nil)
				want := wantNew
				if undo {
					want = wantOld
					err = w.engine().Rollback(t.Context(), d)
				} else if err = w.engine().Apply(t.Context(), d); err == nil {
					err = w.engine().Cleanup(t.Context(), d)
				}
				if err != nil || normal(w) != normal(want) {
					t.Fatalf("fuse %d, after %v, undo %v: %v\ngot\n%s\nwant\n%s", fuse, after, undo, err, normal(w), normal(want))
				}
			}
		}
	}
}

// normal is what stands with generated names taken out.
func normal(w *world) string {
	s := w.standing()
	for i := w.seq; i > 0; i-- {
		s = strings.ReplaceAll(s, fmt.Sprintf("-S%d", i), "")
	}
	return s
}

func TestDestroyDeletesDependentsFirstAndKeepsWhatIsRetained(t *testing.T) {
	t.Parallel()
	w := newWorld()
	deployAll(t, w, strings.Replace(first, "Name: fixed}}", "Name: fixed}, DeletionPolicy: Retain}", 1))
	d := w.deployment(t, first, nil)
	w.calls = nil
	if err := w.engine().Destroy(t.Context(), d, nil); err != nil {
		t.Fatal(err)
	}
	if got := w.standing(); got != `{"Name":"fixed","Size":4}` {
		t.Errorf("left standing: %s", got)
	}
	if slices.Index(w.calls, "delete B") > slices.Index(w.calls, "delete A") {
		t.Errorf("A was deleted before B, which needs it: %v", w.calls)
	}
	if len(w.records()) != 0 {
		t.Errorf("records are left: %v", w.records())
	}
}

func TestANameThatIsTakenIsNotTouched(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.things["fixed"] = "somebody else's"
	d := w.deployment(t, first, nil)
	if err := w.engine().Apply(t.Context(), d); err == nil || !strings.Contains(err.Error(), "fixed already exists") {
		t.Fatalf("error %v", err)
	}
	if err := w.engine().Rollback(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if got := w.standing(); got != "somebody else's" {
		t.Errorf("left standing: %s", got)
	}
}

func TestACustomNamedResourceIsNotReplacedUnderItsName(t *testing.T) {
	t.Parallel()
	w := newWorld()
	deployAll(t, w, first)
	_, err := w.engine().Plan(w.deployment(t, strings.Replace(first, "Size: 4", "Kind: z, Size: 4", 1), nil))
	if err == nil || !strings.Contains(err.Error(), "t.yaml:6:63: fixed — CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename fixed and update the stack again.") {
		t.Errorf("error %v", err)
	}
}

func TestCheckRefusesWhatNoProviderMakes(t *testing.T) {
	t.Parallel()
	w := newWorld()
	for src, want := range map[string]string{
		"Resources:\n  A: {Type: Test::thing}":                                                              "t.yaml:2:13: Test::thing — Template format error: Unrecognized resource types: [Test::thing] — did you mean Test::Thing?",
		"Resources:\n  A: {Type: Test::Thing, Properties: {Size: 1, Colour: red}}":                          "t.yaml:2:48: Test::Thing Colour — Encountered unsupported property Colour — this type has Kind, Link, Name, Size",
		"Resources:\n  A: {Type: Test::Thing, Properties: {Size: 1, Magic: red}}":                           "Magic — magic is not done here",
		"Resources:\n  A: {Type: Test::Thing}":                                                              "[Size] is required by Test::Thing",
		"Resources:\n  A: {Type: Test::Thing, Properties: {Size: 1}}\nOutputs: {O: {Value: !GetAtt A.Url}}": "resource A does not support attribute type Url in Fn::GetAtt — Test::Thing has Arn",
	} {
		d := w.deployment(t, src, nil)
		if err := w.engine().Check(d.Template, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	if _, err := w.engine().Plan(w.deployment(t, "Resources:\n  A: {Type: Test::Thing, Properties: {Size: huge}}", nil)); err == nil || !strings.Contains(err.Error(), "huge — too big — ask for less") {
		t.Errorf("resolved properties: %v", err)
	}
}

func TestWhatAConditionLeavesOutMayBeOfAnyType(t *testing.T) {
	t.Parallel()
	const src = `
Parameters: {On: {Type: String, Default: 'no'}}
Conditions: {C: !Equals [!Ref On, 'yes']}
Resources:
  A: {Type: Other::Place::Thing, Condition: C}
  B: {Type: Test::Thing, Condition: C, Properties: {Magic: 1}}
  D: {Type: Test::Thing, Properties: {Size: 2, Magic: !If [C, 1, !Ref AWS::NoValue]}}
`
	w := newWorld()
	d := w.deployment(t, src, nil)
	if err := w.engine().Check(d.Template, d.Scope); err != nil {
		t.Errorf("the condition does not hold: %v", err)
	}
	if _, err := w.engine().Plan(d); err != nil {
		t.Errorf("plan: %v", err)
	}
	d = w.deployment(t, strings.Replace(src, "Default: 'no'", "Default: 'yes'", 1), nil)
	err := w.engine().Check(d.Template, d.Scope)
	if err == nil || !strings.Contains(err.Error(), "Unrecognized resource types: [Other::Place::Thing]") || !strings.Contains(err.Error(), "Magic — magic is not done here") {
		t.Errorf("the condition holds: %v", err)
	}
}

func TestAResourceWhoseConditionDoesNotHoldIsNotMadeAndNotReferred(t *testing.T) {
	t.Parallel()
	const src = `
Parameters: {On: {Type: String, Default: 'no'}}
Conditions: {C: !Equals [!Ref On, 'yes']}
Resources:
  A: {Type: Test::Thing, Condition: C, Properties: {Size: 1}}
  B: {Type: Test::Thing, Properties: {Size: 2, Link: !If [C, !Ref A, none]}}
`
	w := newWorld()
	deployAll(t, w, src)
	if w.standing() != `{"Link":"none","Size":2}` {
		t.Errorf("standing: %s", w.standing())
	}
	bad := strings.Replace(src, "!If [C, !Ref A, none]", "!Ref A", 1)
	if _, err := w.engine().Plan(w.deployment(t, bad, nil)); err == nil || !strings.Contains(err.Error(), "Unresolved resource dependencies [A]") {
		t.Errorf("error %v", err)
	}
	var te *template.Error
	if _, err := w.engine().Plan(w.deployment(t, bad, nil)); !errors.As(err, &te) || te.Pos.Line != 6 {
		t.Errorf("place %v", te)
	}
}

func TestGeneratedNamesFitTheirLimit(t *testing.T) {
	t.Parallel()
	w := newWorld()
	long := strings.Repeat("Long", 30)
	d := w.deployment(t, "Resources: {"+long+": {Type: Test::Thing, Properties: {Size: 1}}}", nil)
	d.StackName = strings.Repeat("stack", 20)
	if err := w.engine().Apply(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if id := d.Records[long].Current.PhysicalID; len(id) != 64 || !strings.HasPrefix(id, "stackstack") || !strings.HasSuffix(id, "-S1") {
		t.Errorf("name %q has %d characters", id, len(id))
	}
}
