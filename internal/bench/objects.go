package bench

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
)

var objectTasks = []task{
	{"objects", "PutObject", (*run).putObject},
}

const (
	// objectBytes is the size of an object that is put.
	objectBytes = 1 << 20
	// objectRing is how many keys a connection writes in turn.
	objectRing = 4
	// maxPutters bounds the connections: their requests are kept whole in memory.
	maxPutters = 16
	// diskSync is after how many MiB the file beside is synced, and diskFile where it begins again.
	diskSync = 8
	diskFile = 256
)

// putObject compares putting objects of 1 MiB, each of which is durable before
// it is answered, with what the disk of the data directory takes in sequence.
func (r *run) putObject(ctx context.Context) []Figure {
	workers := min(r.size.Workers, maxPutters)
	f := Figure{Name: fmt.Sprintf("PutObject of 1 MiB, %d connections (ratio: to the disk)", workers), Unit: "MB/s", goals: []goal{atLeast("ratio", 0.50, "")}}
	bucket := r.name("bucket")
	if _, err := r.object(http.MethodPut, "/"+bucket); err != nil {
		return []Figure{f.failed(err)}
	}
	c, sums := make(calls, workers), make([][]string, workers)
	for w := range c {
		for i := range objectRing {
			body := []byte(text(w, i, 0, objectBytes))
			sum := md5.Sum(body)
			sums[w] = append(sums[w], hex.EncodeToString(sum[:]))
			request, err := r.caller.request(http.MethodPut, "s3", fmt.Sprintf("/%s/%d/%d", bucket, w, i), map[string]string{"Content-Type": "text/plain"}, body)
			if err != nil {
				return []Figure{f.failed(err)}
			}
			c[w] = append(c[w], request)
		}
	}
	disk, err := newDiskWriter(r.opts.Dir)
	if err != nil {
		return []Figure{f.failed(err)}
	}
	put := &side{server: r.leat, workers: workers, step: leatStep(c, func(int, int, []byte) error { return nil })}
	beside := &side{server: r.bare, workers: 1, step: disk.step}
	f, done, err := r.compare(ctx, f, objectBytes/1e6, put, beside)
	f.BareCPU = 0 // no server does the writing
	if err = errors.Join(err, disk.close()); err != nil {
		return []Figure{f.failed(err)}
	}
	return []Figure{f.failed(r.verifyObjects(bucket, done.next, sums))}
}

// object makes one request without a body.
func (r *run) object(method, path string) ([]byte, error) {
	request, err := r.caller.request(method, "s3", path, nil, nil)
	if err != nil {
		return nil, err
	}
	reply, err := r.control.Do(request)
	if err == nil && reply.Status != http.StatusOK {
		err = refused(method+" "+path, reply)
	}
	return reply.Body, err
}

// verifyObjects asks for every key that was put: the ETag is the MD5 of its body.
func (r *run) verifyObjects(bucket string, puts []int, sums [][]string) error {
	for w, n := range puts {
		for i := range min(n, objectRing) {
			body, err := r.object(http.MethodGet, fmt.Sprintf("/%s/%d/%d", bucket, w, i))
			if err != nil {
				return err
			}
			if sum := md5.Sum(body); hex.EncodeToString(sum[:]) != sums[w][i] {
				return fmt.Errorf("object %d/%d is not what was put", w, i)
			}
		}
	}
	return nil
}

// diskWriter writes a file in sequence, and syncs it now and then.
type diskWriter struct {
	file *os.File
	body []byte
}

func newDiskWriter(dir string) (*diskWriter, error) {
	file, err := os.Create(filepath.Join(dir, "sequential"))
	return &diskWriter{file: file, body: []byte(text(0, 0, 0, objectBytes))}, err
}

func (d *diskWriter) step(_ *Conn, _, i int) error {
	_, err := d.file.WriteAt(d.body, int64(i%diskFile)*objectBytes)
	if err == nil && i%diskSync == diskSync-1 {
		err = d.file.Sync()
	}
	return err
}

func (d *diskWriter) close() error {
	return errors.Join(d.file.Close(), os.Remove(d.file.Name()))
}
