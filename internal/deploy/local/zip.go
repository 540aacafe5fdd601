package local

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// zipFolder packs a folder so that equal content gives equal bytes: in order of
// names, without times. Links are followed no further than to files.
func zipFolder(root string) ([]byte, error) {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	total := int64(0)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if err == nil && path != root && slices.Contains(skipped, d.Name()) {
				return filepath.SkipDir
			}
			return err
		}
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		if total += info.Size(); total > MaxArchive {
			return fmt.Errorf("more than %d bytes", MaxArchive)
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return addFile(w, path, filepath.ToSlash(rel), info.Mode())
	})
	err = errors.Join(err, w.Close())
	return buf.Bytes(), err
}

func addFile(w *zip.Writer, path, name string, mode fs.FileMode) error {
	h := &zip.FileHeader{Name: name, Method: zip.Deflate}
	h.SetMode(0o644 | mode&0o111) // what may run stays so; other rights are the machine's affair
	dst, err := w.CreateHeader(h)
	if err != nil {
		return err
	}
	src, err := os.Open(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, src.Close())
}
