package s3

import (
	"context"
	"encoding/xml"
	"net/http"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

// drop deletes objects in one commit; those that are not there do not matter.
// conditions, where given, decide per object; a refused one stays.
func (s *Service) drop(ctx context.Context, bucket string, keys []string, conditions []condition, ev event) ([]error, error) {
	if err := s.events.room(); err != nil {
		return nil, err
	}
	var gone []blob
	var queued []queuedEvent
	var answers []error
	err := s.update(ctx, func(tx kv.Txn) error {
		gone, queued, answers = nil, nil, make([]error, len(keys))
		for i, key := range keys {
			old, rec, err := s.current(tx, bucket, key)
			if err != nil {
				return err
			}
			if answers[i] = conditions[i](old); answers[i] != nil || old == nil {
				continue
			}
			more, err := release(tx, old.Blobs)
			if err != nil {
				return err
			}
			gone = append(gone, more...)
			if err := tx.Delete(keyObject(bucket, key)); err != nil {
				return err
			}
			q, err := s.events.queue(tx, rec, ev.of(key, *old))
			if err != nil {
				return err
			}
			queued = append(queued, q...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.remove(gone)
	s.events.deliver(queued)
	return answers, nil
}

func always(*objectRecord) error { return nil }

// DeleteObject removes an object. Deleting what is not there succeeds.
//
// Errors: NoSuchBucket, PreconditionFailed.
// Differs: nothing, but that versions other than null do not exist.
func (c *call) deleteObject() error {
	if err := c.checkVersion(); err != nil {
		return err
	}
	may := condition(always)
	if match := c.r.Header.Get("If-Match"); match != "" {
		key := c.key
		may = func(old *objectRecord) error {
			if old == nil {
				return errNoSuchKey(key)
			}
			if !matchesETag(match, old.ETag) {
				return errPrecondition("If-Match")
			}
			return nil
		}
	}
	answers, err := c.s.drop(c.ctx, c.bucket, []string{c.key}, []condition{may}, c.event("ObjectRemoved:Delete"))
	if err != nil {
		return err
	}
	if answers[0] != nil {
		return answers[0]
	}
	return c.reply(http.StatusNoContent, nil)
}

type deleteRequest struct {
	XMLName xml.Name `xml:"Delete"`
	Quiet   bool
	Objects []struct {
		Key       string
		VersionID string `xml:"VersionId"`
		ETag      string
		Modified  string `xml:"LastModifiedTime"` // directory buckets know these two
		Size      string
	} `xml:"Object"`
}

type deletedKey struct{ Key string }

type deleteError struct {
	Key     string
	Code    string
	Message string
}

type deleteResult struct {
	XMLName xml.Name      `xml:"DeleteResult"`
	XMLNS   string        `xml:"xmlns,attr"`
	Deleted []deletedKey  `xml:"Deleted"`
	Errors  []deleteError `xml:"Error"`
}

// DeleteObjects removes up to 1000 objects in one commit, with an answer for each.
//
// Limits: 1000 keys.
// Errors: NoSuchBucket, MalformedXML, BadDigest; per key PreconditionFailed, NoSuchVersion.
// Differs: as DeleteObject.
func (c *call) deleteObjects() error {
	var in deleteRequest
	if err := c.document(&in); err != nil {
		return err
	}
	if len(in.Objects) == 0 || len(in.Objects) > MaxKeys {
		return errMalformedXML()
	}
	out := deleteResult{XMLNS: namespace}
	var keys []string
	var conditions []condition
	for _, o := range in.Objects {
		if o.VersionID != "" && o.VersionID != "null" {
			out.Errors = append(out.Errors, deleteError{o.Key, "NoSuchVersion", "The specified version does not exist."})
			continue
		}
		if o.Modified != "" || o.Size != "" {
			out.Errors = append(out.Errors, deleteError{o.Key, "NotImplemented", "A header you provided implies functionality that is not implemented: conditions other than on the ETag"})
			continue
		}
		may := condition(always)
		if want := o.ETag; want != "" {
			may = func(old *objectRecord) error {
				if old == nil || !matchesETag(want, old.ETag) {
					return errPrecondition("ETag")
				}
				return nil
			}
		}
		keys, conditions = append(keys, o.Key), append(conditions, may)
	}
	answers, err := c.s.drop(c.ctx, c.bucket, keys, conditions, c.event("ObjectRemoved:Delete"))
	if err != nil {
		return err
	}
	for i, key := range keys {
		if e, ok := aws.AsError(answers[i]); ok {
			out.Errors = append(out.Errors, deleteError{key, e.Code, e.Message})
		} else if !in.Quiet {
			out.Deleted = append(out.Deleted, deletedKey{key})
		}
	}
	return c.reply(http.StatusOK, out)
}

// DeleteObject removes an object for another part of the platform; no policy is
// asked. Deleting what is not there succeeds. Errors: NoSuchBucket.
func (s *Service) DeleteObject(ctx context.Context, bucket, key string) error {
	rec, err := s.find(bucket)
	if err != nil {
		return err
	}
	ev := event{name: "ObjectRemoved:Delete", id: newRequestID(), region: rec.Region, principal: rec.Owner, time: s.now()}
	_, err = s.drop(ctx, bucket, []string{key}, []condition{always}, ev)
	return err
}
