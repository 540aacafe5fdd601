package runtime

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// flights makes sure that each thing is built by one goroutine at a time.
type flights struct {
	mu   sync.Mutex
	busy map[string]*flight
}

type flight struct {
	done chan struct{}
	dir  string
	err  error
}

// cached gives the directory of something that is built once and named by its
// content: build fills a directory beside it, which is then moved into place. So a
// directory that exists is complete, also after a crash. Failures are not kept.
func (e *Engine) cached(kind, key string, build func(dir string) error) (string, error) {
	dir := filepath.Join(e.cacheDir, kind, key)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	c := &e.cache
	c.mu.Lock()
	if f, ok := c.busy[dir]; ok {
		c.mu.Unlock()
		<-f.done
		return f.dir, f.err
	}
	f := &flight{done: make(chan struct{})}
	if c.busy == nil {
		c.busy = map[string]*flight{}
	}
	c.busy[dir] = f
	c.mu.Unlock()
	f.dir, f.err = fill(dir, build)
	c.mu.Lock()
	delete(c.busy, dir)
	c.mu.Unlock()
	close(f.done)
	return f.dir, f.err
}

func fill(dir string, build func(dir string) error) (string, error) {
	if _, err := os.Stat(dir); err == nil {
		return dir, nil // made between the look and the flight
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".building-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return "", err
	}
	if err := build(tmp); err != nil {
		return "", err
	}
	// A directory that exists is trusted: its files must be on disk before its name is.
	if err := syncTree(tmp); err != nil {
		return "", err
	}
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return dir, nil
}

// ignored are directories that are no part of a function's source.
var ignored = []string{".git", ".aws-sam", ".serverless", ".venv", "venv", "__pycache__", ".pytest_cache", ".idea", ".vscode"}

// maxSourceFiles bounds the files of a source folder; AWS's limit of unpacked code, 250 MB, is kept by its caller.
const maxSourceFiles = 100_000

// walkSource visits the regular files of a source folder in a fixed order, without
// what is ignored and without directories named in skip.
func walkSource(root string, skip []string, visit func(rel string, info fs.FileInfo) error) error {
	n := 0
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != root && (slices.Contains(ignored, d.Name()) || slices.Contains(skip, d.Name())) {
				return filepath.SkipDir
			}
			return nil
		}
		if n++; n > maxSourceFiles {
			return fmt.Errorf("%s holds more than %d files", root, maxSourceFiles)
		}
		info, err := os.Stat(path) // through links
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went away meanwhile, or is a dangling link
		}
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return visit(rel, info)
	})
}

// hashSource names the content of a source folder.
func hashSource(root string, skip []string, salt ...string) (string, error) {
	return fingerprint(func(h hash.Hash) error {
		fmt.Fprintf(h, "%q\n", salt)
		return walkSource(root, skip, func(rel string, info fs.FileInfo) error {
			return hashFile(h, rel, filepath.Join(root, rel), info)
		})
	})
}

// copyTree copies a source folder's files to dst.
func copyTree(src, dst string, skip []string) error {
	return walkSource(src, skip, func(rel string, info fs.FileInfo) error {
		return copyFile(filepath.Join(src, rel), filepath.Join(dst, rel), info.Mode().Perm()|0o444)
	})
}

func copyFile(src, dst string, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
		return err
	}
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(dst, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode|0o200)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// linkTree fills dst with hard links to everything below src, symbolic links
// included; where links are not possible it copies.
func linkTree(src, dst string) error {
	return filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, path)
		if err != nil {
			return err
		}
		target := filepath.Join(dst, rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o755)
		case d.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			if err := os.Symlink(to, target); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
			return nil
		}
		if err := os.Link(path, target); err == nil || errors.Is(err, fs.ErrExist) {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return copyFile(path, target, info.Mode().Perm())
	})
}

// mentions tells which of the words that find extracts occur in a folder's files of these endings.
func mentions(root string, endings []string, find func(src []byte) []string) (map[string]bool, error) {
	const maxScan = 4 << 20 // larger sources are bundles, which bring their dependencies
	found := map[string]bool{}
	err := walkSource(root, []string{"node_modules"}, func(rel string, info fs.FileInfo) error {
		if info.Size() > maxScan || !slices.ContainsFunc(endings, func(x string) bool { return strings.HasSuffix(rel, x) }) {
			return nil
		}
		b, err := os.ReadFile(filepath.Join(root, rel))
		if err != nil {
			return err
		}
		for _, w := range find(b) {
			found[w] = true
		}
		return nil
	})
	return found, err
}

// hashText names a tuple of texts.
func hashText(parts ...string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q", parts)
	return hex.EncodeToString(h.Sum(nil)[:16])
}
