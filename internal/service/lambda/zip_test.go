package lambda_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leatdev/leat/internal/service/lambda"
)

// entry is one entry of a hostile archive.
type entry struct {
	name string
	body string
	mode fs.FileMode
}

func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		h.SetMode(e.mode)
		f, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, e.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bomb declares size bytes and holds real ones, all zero.
func bomb(t testing.TB, declared, real uint64) []byte {
	t.Helper()
	var packed bytes.Buffer
	f, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	sum := crc32.NewIEEE()
	zeros := make([]byte, 1<<20)
	for left := real; left > 0; {
		n := min(left, uint64(len(zeros)))
		if _, err := f.Write(zeros[:n]); err != nil {
			t.Fatal(err)
		}
		sum.Write(zeros[:n])
		left -= n
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.CreateRaw(&zip.FileHeader{
		Name: "bomb", Method: zip.Deflate, CRC32: sum.Sum32(), CompressedSize64: uint64(packed.Len()), UncompressedSize64: declared,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(packed.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unpack(t testing.TB, b []byte) (string, error) {
	t.Helper()
	base := t.TempDir()
	file, dst := filepath.Join(base, "in.zip"), filepath.Join(base, "out")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dst, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := lambda.Unzip(file, dst)
	return dst, err
}

func TestHostileZipsAreRefusedAndLeaveNothingOutside(t *testing.T) {
	t.Parallel()
	for name, b := range map[string][]byte{
		"parent":           archive(t, entry{"../evil", "x", 0o644}),
		"deep parent":      archive(t, entry{"a/../../evil", "x", 0o644}),
		"absolute":         archive(t, entry{"/tmp/leat-evil", "x", 0o644}),
		"backslash":        archive(t, entry{`..\evil`, "x", 0o644}),
		"nul":              archive(t, entry{"a\x00b", "x", 0o644}),
		"link out":         archive(t, entry{"l", "../..", fs.ModeSymlink | 0o777}),
		"absolute link":    archive(t, entry{"l", "/etc", fs.ModeSymlink | 0o777}),
		"through a link":   archive(t, entry{"l", "..", fs.ModeSymlink | 0o777}, entry{"l/evil", "x", 0o644}),
		"device":           archive(t, entry{"d", "", fs.ModeDevice | 0o600}),
		"file as folder":   archive(t, entry{"a", "x", 0o644}, entry{"a/b", "x", 0o644}),
		"no archive":       []byte("PK\x03\x04nonsense"),
		"declared too big": bomb(t, lambda.MaxUnzippedBytes+1, 10),
		"lies about size":  bomb(t, 10, 1<<20),
	} {
		dst, err := unpack(t, b)
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
		for _, p := range []string{filepath.Join(filepath.Dir(dst), "evil"), "/tmp/leat-evil"} {
			if _, err := os.Lstat(p); err == nil {
				t.Errorf("%s: wrote %s", name, p)
			}
		}
	}
}

func TestAZipBombIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := unpack(t, bomb(t, lambda.MaxUnzippedBytes+1, lambda.MaxUnzippedBytes+1)); err == nil || !strings.Contains(err.Error(), "Unzipped size must be smaller") {
		t.Errorf("err = %v", err)
	}
}

func TestAZipKeepsModesAndLinksInside(t *testing.T) {
	t.Parallel()
	dst, err := unpack(t, archive(t,
		entry{"bin/run", "#!/bin/sh\n", 0o755}, entry{"data.txt", "d", 0o600}, entry{"link", "bin/run", fs.ModeSymlink | 0o777},
		entry{"setuid", "x", 0o755 | fs.ModeSetuid}))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"bin/run": 0o755, "data.txt": 0o644, "setuid": 0o755} {
		st, err := os.Lstat(filepath.Join(dst, name))
		if err != nil || st.Mode() != want {
			t.Errorf("%s: %v %v", name, st.Mode(), err)
		}
	}
	if to, err := os.Readlink(filepath.Join(dst, "link")); err != nil || to != "bin/run" {
		t.Errorf("link: %q %v", to, err)
	}
}

func FuzzUnzip(f *testing.F) {
	f.Add(archive(f, entry{"a/b.py", "x = 1", 0o644}, entry{"l", "a", fs.ModeSymlink | 0o777}))
	f.Add(archive(f, entry{"../evil", "x", 0o644}))
	f.Add(bomb(f, 10, 100))
	f.Add([]byte("PK\x05\x06\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		dst, err := unpack(t, b)
		outside, rerr := os.ReadDir(filepath.Dir(dst))
		if rerr != nil || len(outside) != 2 {
			t.Fatalf("wrote outside: %v %v (%v)", outside, rerr, err)
		}
	})
}

func FuzzFunctionNames(f *testing.F) {
	for _, s := range []string{"f", "f:1", "f:$LATEST", "arn:aws:lambda:us-east-1:000000000000:function:f:live", "000000000000:function:f", "function:f", ":", "arn:aws:lambda:::function:"} {
		f.Add(s, "")
	}
	f.Add("f:1", "2")
	f.Fuzz(func(t *testing.T, name, qualifier string) {
		ref, err := lambda.Refer(context.Background(), &name, &qualifier)
		if err != nil {
			return
		}
		arn := ref.ARN()
		again, err := lambda.Refer(context.Background(), &arn, nil)
		if err != nil || again != ref {
			t.Errorf("%q %q became %+v, and %q %+v (%v)", name, qualifier, ref, arn, again, err)
		}
	})
}

func FuzzARNLike(f *testing.F) {
	f.Add("arn:aws:sns:us-east-1:0:t*", "arn:aws:sns:us-east-1:0:topic")
	f.Add("arn:aws:execute-api:*:*:a/*/GET/x", "arn:aws:execute-api:us-east-1:0:a/prod/GET/x")
	f.Add("[", "[")
	f.Fuzz(func(t *testing.T, pattern, arn string) {
		if lambda.ARNLike(pattern, arn) && strings.Count(pattern, ":") < 5 && strings.Count(arn, ":") >= 5 {
			t.Errorf("%q matches %q", pattern, arn)
		}
	})
}
