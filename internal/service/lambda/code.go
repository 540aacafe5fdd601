package lambda

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
)

// FolderBucket is the bucket name by which Leat's own tools create a function from
// a folder of this machine: the object key is the folder's path or file:// URL. It is no AWS feature;
// only an administrator may use it.
const FolderBucket = "leat-folder"

// source is where a request says that code comes from.
type source struct {
	zip                  []byte
	bucket, key, version string
	image                string
	runtime, handler     string // for folders
}

func (c code) sha256Base64() string {
	b, err := hex.DecodeString(c.SHA256)
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(b)
}

// take stores the code of a request, checks that it can be unpacked, and says what it is.
func (s *Service) take(ctx context.Context, src source) (code, error) {
	switch {
	case src.image != "":
		return code{}, invalidParameter("Container images are not supported: give a zip file.")
	case len(src.zip) > 0 && src.bucket != "":
		return code{}, invalidParameter("Please do not provide other FunctionCode parameters when providing a ZipFile.")
	case len(src.zip) > MaxZipBytes:
		return code{}, requestTooLarge("Request must be smaller than %d bytes for the CreateFunction operation", MaxZipBytes)
	case len(src.zip) > 0:
		return s.storeZip(bytes.NewReader(src.zip))
	case src.bucket == FolderBucket:
		return s.takeFolder(ctx, src)
	case src.bucket == "" || src.key == "":
		return code{}, invalidParameter("Please provide a source for function code.")
	}
	if s.opt.Objects == nil {
		return code{}, invalidParameter("Object storage is not enabled: give the code as a zip file.")
	}
	r, err := s.opt.Objects.ReadObject(ctx, src.bucket, src.key, src.version)
	if err != nil {
		return code{}, objectError(err)
	}
	defer r.Close()
	return s.storeZip(r)
}

// objectError words a failure to read a package as Lambda does.
func objectError(err error) error {
	e, ok := aws.AsError(err)
	if !ok {
		return err
	}
	return invalidParameter("Error occurred while GetObject. S3 Error Code: %s. S3 Error Message: %s", e.Code, e.Message)
}

// takeFolder builds a folder of this machine.
func (s *Service) takeFolder(ctx context.Context, src source) (code, error) {
	if !aws.RequestFrom(ctx).Caller.Admin {
		return code{}, aws.AccessDenied("Only an administrator may use folders of this machine as code.")
	}
	folder := strings.TrimPrefix(src.key, "file://")
	if !filepath.IsAbs(folder) {
		return code{}, invalidParameter("The folder of a function must be an absolute path: %s", src.key)
	}
	return s.buildFolder(ctx, folder, src.runtime, src.handler)
}

// buildFolder builds what a folder holds now.
func (s *Service) buildFolder(ctx context.Context, folder, runtime, handler string) (code, error) {
	dir, err := s.engine.Build(ctx, folder, runtime, handler)
	if err != nil {
		return code{}, invalidParameter("Could not build %s: %v", folder, err)
	}
	size, err := dirSize(dir)
	if err != nil {
		return code{}, err
	}
	if size > MaxFolderBytes {
		return code{}, tooLargeUnzipped()
	}
	return code{SHA256: filepath.Base(dir), Size: size, Unzipped: size, Folder: filepath.Clean(folder), Built: dir}, nil
}

func tooLargeUnzipped() error {
	return invalidParameter("Unzipped size must be smaller than %d bytes", MaxUnzippedBytes)
}

func dirSize(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	return n, err
}

// storeZip writes a zip to the code directory, durably, and unpacks it.
func (s *Service) storeZip(r io.Reader) (code, error) {
	tmp, err := os.CreateTemp(s.codeDir, ".upload-")
	if err != nil {
		return code{}, err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(tmp, h), io.LimitReader(r, MaxUnzippedBytes+1))
	if err != nil {
		return code{}, err
	}
	if n > MaxUnzippedBytes {
		return code{}, tooLargeUnzipped()
	}
	if err := tmp.Sync(); err != nil {
		return code{}, err
	}
	c := code{SHA256: hex.EncodeToString(h.Sum(nil)), Size: n}
	// Unpacked before it is kept: what cannot be unpacked is refused and leaves nothing.
	if c.Unzipped, err = s.unpackOnce(c, tmp.Name()); err != nil {
		return code{}, err
	}
	if err := os.Rename(tmp.Name(), s.zipPath(c)); err != nil {
		return code{}, err
	}
	return c, syncDir(s.codeDir)
}

// tidy removes everything but zips from the code directory. What was unpacked was not synced: after a
// power cut its files may be empty. It is unpacked again when it is needed.
func (s *Service) tidy() error {
	entries, err := os.ReadDir(s.codeDir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".zip") {
			if err := os.RemoveAll(filepath.Join(s.codeDir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) zipPath(c code) string { return filepath.Join(s.codeDir, c.SHA256+".zip") }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// dir gives the directory of a version's code, unpacking or building it again if it is missing.
func (s *Service) dir(ctx context.Context, c *config) (string, error) {
	if c.Code.Folder == "" {
		_, err := s.unpackOnce(c.Code, s.zipPath(c.Code))
		return filepath.Join(s.codeDir, c.Code.SHA256), err
	}
	if _, err := os.Stat(c.Code.Built); err == nil {
		return c.Code.Built, nil
	}
	return s.engine.Build(ctx, c.Code.Folder, c.Runtime, c.Handler)
}

// unpackOnce unpacks a zip to the directory of its hash unless that is there, and gives its unpacked size.
func (s *Service) unpackOnce(c code, from string) (int64, error) {
	s.mu.Lock()
	m := s.unpacking[c.SHA256]
	if m == nil {
		m = new(sync.Mutex)
		s.unpacking[c.SHA256] = m
	}
	s.mu.Unlock()
	m.Lock()
	defer m.Unlock()
	dst := filepath.Join(s.codeDir, c.SHA256)
	if _, err := os.Stat(dst); err == nil {
		return dirSize(dst)
	}
	tmp, err := os.MkdirTemp(s.codeDir, ".unpack-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(tmp)
	n, err := unzip(from, tmp)
	if err != nil {
		return 0, err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return 0, err
	}
	return n, os.Rename(tmp, dst)
}

func badZip() error {
	return invalidParameter("Could not unzip uploaded file. Please check your file, then try to upload again.")
}

// unzip unpacks a zip file into dst, which stays the limit of everything: no entry
// and no link leads out of it, and no more than MaxUnzippedBytes come out, whatever the entries say.
func unzip(file, dst string) (int64, error) {
	z, err := zip.OpenReader(file)
	if err != nil {
		return 0, badZip()
	}
	defer func() { _ = z.Close() }()
	if len(z.File) == 0 {
		return 0, invalidParameter("Uploaded file must be a non-empty zip")
	}
	if len(z.File) > MaxZipEntries {
		return 0, invalidParameter("Uploaded file holds more than %d entries", MaxZipEntries)
	}
	var declared uint64
	for _, f := range z.File {
		if declared += f.UncompressedSize64; declared > MaxUnzippedBytes || f.UncompressedSize64 > MaxUnzippedBytes {
			return 0, tooLargeUnzipped()
		}
	}
	root, err := os.OpenRoot(dst)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	left := int64(MaxUnzippedBytes)
	for _, f := range z.File {
		n, err := unzipEntry(root, f, left)
		if err != nil {
			return 0, err
		}
		left -= n
	}
	return MaxUnzippedBytes - left, nil
}

func unzipEntry(root *os.Root, f *zip.File, left int64) (int64, error) {
	name := strings.TrimSuffix(path.Clean(f.Name), "/")
	if name == "." {
		return 0, nil
	}
	if !filepath.IsLocal(name) || strings.ContainsAny(name, "\x00\\") {
		return 0, badZip()
	}
	if f.FileInfo().IsDir() {
		return 0, entryError(root.MkdirAll(name, 0o755))
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return 0, entryError(err)
	}
	r, err := f.Open()
	if err != nil {
		return 0, badZip()
	}
	defer r.Close()
	switch mode := f.Mode(); {
	case mode&fs.ModeSymlink != 0:
		return 0, unzipLink(root, name, r)
	case !mode.IsRegular():
		return 0, badZip()
	}
	perm := f.Mode().Perm() | 0o644
	w, err := root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, perm)
	if err != nil {
		return 0, entryError(err)
	}
	n, err := io.Copy(w, io.LimitReader(r, left+1))
	merr := w.Chmod(perm) // whatever the umask is
	if cerr := w.Close(); err != nil || merr != nil || cerr != nil {
		return 0, badZip() // a wrong checksum or length, mostly
	}
	if n > left {
		return 0, tooLargeUnzipped()
	}
	return n, nil
}

// maxLinkBytes bounds the target of a symbolic link.
const maxLinkBytes = 4096

func unzipLink(root *os.Root, name string, r io.Reader) error {
	b, err := io.ReadAll(io.LimitReader(r, maxLinkBytes+1))
	target := string(b)
	if err != nil || len(b) > maxLinkBytes || path.IsAbs(target) || !filepath.IsLocal(path.Join(path.Dir(name), target)) {
		return badZip()
	}
	return entryError(root.Symlink(target, name))
}

// entryError tells a zip that contradicts itself from a disk that fails.
func entryError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrExist), errors.Is(err, fs.ErrInvalid), errors.Is(err, fs.ErrNotExist):
		return badZip()
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return badZip() // a file where a directory is needed, a name too long, a link out of the root
	}
	return fmt.Errorf("unpack: %w", err)
}

// Unreferenced code is kept for a while: an upload is on disk before its record,
// and instances of an older version may still run it.
const (
	codeGrace     = time.Hour
	collectPeriod = 10 * time.Minute
)

// collect removes code that nothing refers to any more.
func (s *Service) collect(ctx context.Context) error {
	used := map[string]bool{}
	err := s.store.View(ctx, func(r kv.Reader) error {
		if err := scanFunctions(r, func(_ functionKey, f *function) error {
			used[f.Latest.Code.SHA256] = true
			return nil
		}); err != nil {
			return err
		}
		for _, prefix := range []string{"v", "n"} {
			err := r.Scan(kv.PrefixRange(kv.Key(kv.SpaceLambda, prefix)), func(_, value []byte) error {
				var v struct{ Code code }
				if err := record.Unmarshal(value, &v); err != nil {
					return err
				}
				used[v.Code.SHA256] = true
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(s.codeDir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || used[strings.TrimSuffix(e.Name(), ".zip")] || time.Since(info.ModTime()) < codeGrace {
			continue
		}
		err = os.RemoveAll(filepath.Join(s.codeDir, e.Name()))
		if err != nil {
			return err
		}
	}
	return nil
}
