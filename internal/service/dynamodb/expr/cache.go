package expr

import "sync"

// Programs send the same few expressions over and over with other values, so trees are kept by
// their text. A tree is the same whatever names and values come with it, and whichever parameter
// it came in: those are looked up when it is checked, anew for each call. Nothing changes a tree.
const (
	// maxTrees bounds what is kept, in bytes of text and of about what the trees of it take.
	maxTrees = 8 << 20
	// treePerToken is about what one token becomes: a node, its place among its siblings, its path.
	treePerToken = 192
)

// rule is a rule of the grammar that a whole expression follows.
type rule byte

const (
	ruleCondition rule = iota
	ruleUpdate
	ruleProjection
)

type treeKey struct {
	rule rule
	text string
}

// treeCache keeps trees in two generations: what is used moves to the young one, and when that
// has half of the bytes, the old one is forgotten.
type treeCache struct {
	mu         sync.RWMutex
	young, old map[treeKey]cachedTree
	bytes      int // of the young
}

type cachedTree struct {
	tree any
	cost int
}

var trees treeCache

func (c *treeCache) get(k treeKey) (any, bool) {
	c.mu.RLock()
	t, ok := c.young[k]
	if !ok {
		t, ok = c.old[k]
		c.mu.RUnlock()
		if ok {
			c.put(k, t)
		}
		return t.tree, ok
	}
	c.mu.RUnlock()
	return t.tree, true
}

func (c *treeCache) put(k treeKey, t cachedTree) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, there := c.young[k]; there || t.cost > maxTrees/2 {
		return
	}
	if c.young == nil || c.bytes+t.cost > maxTrees/2 {
		c.young, c.old, c.bytes = map[treeKey]cachedTree{}, c.young, 0
	}
	c.young[k] = t
	c.bytes += t.cost
}
