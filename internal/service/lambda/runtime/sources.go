package runtime

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Sources are the files that a function built from a folder depends on: the folder,
// or of a Go module only the packages that the function imports, so that an edit
// elsewhere in a large repository builds nothing anew.
type Sources struct {
	trees []string // folders with all below them
	dirs  []string // folders without those below them: Go packages
	files []string // single files: go.mod, go.sum, go.work
}

// Sources finds what a function built from dir depends on.
func (e *Engine) Sources(ctx context.Context, dir, runtime, handler string) (*Sources, error) {
	f, err := familyOf(runtime)
	if err != nil || f != familyProvided || !hasGoSource(dir) || exists(filepath.Join(dir, "bootstrap")) {
		return &Sources{trees: []string{dir}}, err
	}
	return e.goSources(ctx, goPackage(dir, handler))
}

// goPackage is the folder of the main package: dir, or the folder below it that the handler names.
func goPackage(dir, handler string) string {
	sub := filepath.Join(dir, handler)
	if st, err := os.Stat(sub); err == nil && st.IsDir() && filepath.IsLocal(handler) {
		return sub
	}
	return dir
}

// listedPackage is what `go list` tells of a package.
type listedPackage struct {
	Dir           string
	Standard      bool
	EmbedPatterns []string
	Module        *struct {
		Version string
		Dir     string
		GoMod   string
		Replace *struct{ Version string }
	}
}

// goLists remembers which packages main packages are made of.
type goLists struct {
	mu    sync.Mutex
	known map[string]goList
}

// goList holds while signature does: a new import changes a file that is known already.
type goList struct {
	sources   *Sources
	signature string
}

// maxGoLists bounds what is remembered; past it the memory starts afresh.
const maxGoLists = 1000

// goSources is listGo, asked again only after a change.
func (e *Engine) goSources(ctx context.Context, pkg string) (*Sources, error) {
	l := &e.lists
	l.mu.Lock()
	known, ok := l.known[pkg]
	l.mu.Unlock()
	if ok {
		if sig, err := known.sources.Signature(); err == nil && sig == known.signature {
			return known.sources, nil
		}
	}
	s, err := e.listGo(ctx, pkg)
	if err != nil {
		return nil, err
	}
	sig, err := s.Signature()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil || len(l.known) >= maxGoLists {
		l.known = map[string]goList{}
	}
	l.known[pkg] = goList{s, sig}
	return s, nil
}

// listGo asks Go which packages a main package is made of. What go cannot list, it
// cannot build either: then the whole module counts, and the build says what is wrong.
func (e *Engine) listGo(ctx context.Context, pkg string) (*Sources, error) {
	root := moduleRoot(pkg)
	whole := &Sources{trees: []string{root}}
	goTool, err := program("go", "building "+pkg+" needs Go")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, goTool, "list", "-e", "-deps", "-tags", goTags, "-json=Dir,Standard,EmbedPatterns,Module", ".")
	cmd.Dir, cmd.Env = pkg, append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		return whole, ctx.Err()
	}
	s := &Sources{files: []string{filepath.Join(root, "go.mod"), filepath.Join(root, "go.sum"), filepath.Join(root, "vendor", "modules.txt")}}
	for d := root; d != filepath.Dir(d); d = filepath.Dir(d) {
		s.files = append(s.files, filepath.Join(d, "go.work"), filepath.Join(d, "go.work.sum"))
	}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listedPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return whole, nil
		}
		s.add(&p, root)
	}
	return s, nil
}

// add takes a package in unless it cannot change: the standard library, and modules in Go's cache.
func (s *Sources) add(p *listedPackage, root string) {
	if p.Standard || p.Dir == "" {
		return
	}
	if m := p.Module; m != nil && m.Version != "" && (m.Replace == nil || m.Replace.Version != "") && !within(root, p.Dir) {
		return
	}
	if m := p.Module; m != nil && m.GoMod != "" && !slices.Contains(s.files, m.GoMod) {
		s.files = append(s.files, m.GoMod)
	}
	if len(p.EmbedPatterns) > 0 {
		s.trees = append(s.trees, p.Dir)
	} else {
		s.dirs = append(s.dirs, p.Dir)
	}
}

func within(root, path string) bool {
	return path == root || strings.HasPrefix(path, root+string(filepath.Separator))
}

// walk visits every file once or, where a folder lies in another, more than once, in a fixed order.
func (s *Sources) walk(skip []string, visit func(path string, info fs.FileInfo) error) error {
	for _, root := range s.trees {
		err := walkSource(root, skip, func(rel string, info fs.FileInfo) error { return visit(filepath.Join(root, rel), info) })
		if err != nil {
			return err
		}
	}
	paths := slices.Clone(s.files)
	for _, dir := range s.dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, x := range entries {
			if !strings.HasSuffix(x.Name(), "_test.go") {
				paths = append(paths, filepath.Join(dir, x.Name()))
			}
		}
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
			continue
		}
		if err != nil {
			return err
		}
		if err := visit(path, info); err != nil {
			return err
		}
	}
	return nil
}

// Signature is a cheap fingerprint (names, sizes and times of the files): while it
// stays the same, so does the content.
func (s *Sources) Signature() (string, error) {
	return fingerprint(func(h hash.Hash) error {
		return s.walk([]string{"node_modules", "target"}, func(path string, info fs.FileInfo) error {
			fmt.Fprintf(h, "%q %d %d %d\n", path, info.Size(), info.ModTime().UnixNano(), info.Mode())
			return nil
		})
	})
}

// hash names the content.
func (s *Sources) hash(salt ...string) (string, error) {
	return fingerprint(func(h hash.Hash) error {
		fmt.Fprintf(h, "%q\n", salt)
		return s.walk([]string{"node_modules", "testdata"}, func(path string, info fs.FileInfo) error {
			return hashFile(h, path, path, info)
		})
	})
}

func fingerprint(write func(hash.Hash) error) (string, error) {
	h := sha256.New()
	err := write(h)
	return hex.EncodeToString(h.Sum(nil)[:16]), err
}

// hashFile adds a file's name, kind and content.
func hashFile(h hash.Hash, name, path string, info fs.FileInfo) error {
	fmt.Fprintf(h, "%q %t %d\n", name, info.Mode()&0o111 != 0, info.Size())
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(h, f)
	return err
}
