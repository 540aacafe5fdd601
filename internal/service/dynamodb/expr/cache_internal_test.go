package expr

import (
	"fmt"
	"strings"
	"testing"

	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

func TestKeptTreesStayWithinTheirBytes(t *testing.T) {
	t.Parallel()
	var c treeCache
	cost := maxTrees / 64
	kept := func() (n int) {
		for i := range 200 {
			k := treeKey{ruleUpdate, fmt.Sprint(i)}
			_, young := c.young[k]
			_, old := c.old[k]
			if young || old {
				n++
			}
		}
		return n
	}
	for i := range 200 {
		c.put(treeKey{ruleUpdate, fmt.Sprint(i)}, cachedTree{i, cost})
		if _, ok := c.get(treeKey{ruleUpdate, "0"}); !ok {
			t.Fatalf("what is always used was forgotten at %d", i)
		}
		if n := kept(); n*cost > maxTrees {
			t.Fatalf("%d trees of %d bytes are kept", n, cost)
		}
	}
	c.put(treeKey{ruleUpdate, "huge"}, cachedTree{nil, maxTrees})
	if _, ok := c.get(treeKey{ruleUpdate, "huge"}); ok {
		t.Error("a tree larger than the cache is kept")
	}
	if _, ok := c.get(treeKey{ruleCondition, "0"}); ok {
		t.Error("a tree of another rule was found")
	}
}

func TestAKeptTreeMeansWhatEachCallsNamesAndValuesSay(t *testing.T) {
	t.Parallel()
	const src = "#a = :v AND attribute_exists(#a)"
	item := attr.Item{{Name: "x", Value: attr.Str("1")}, {Name: "y", Value: attr.Str("2")}}
	for range 3 {
		for name, value := range map[string]string{"x": "1", "y": "2"} {
			p, err := NewParams(map[string]string{"#a": name}, attr.Item{{Name: ":v", Value: attr.Str(value)}})
			if err != nil {
				t.Fatal(err)
			}
			c, err := p.ParseCondition(ConditionExp, src)
			if err != nil || !c.Match(item) {
				t.Errorf("#a is %s, :v is %s: %v", name, value, err)
			}
			if err := p.CheckUnused(); err != nil {
				t.Error(err)
			}
		}
		// The same text as a filter, and without what it needs, is judged anew and in its own words.
		empty, _ := NewParams(nil, nil)
		for _, param := range []string{Filter, ConditionExp} {
			if _, err := empty.ParseCondition(param, src); err == nil || !strings.HasPrefix(err.Error(), "Invalid "+param+": An expression attribute name") {
				t.Errorf("%s: %v", param, err)
			}
		}
		if _, err := empty.ParseProjection(src); err == nil || !strings.Contains(err.Error(), "Syntax error") {
			t.Errorf("as a projection: %v", err)
		}
	}
}
