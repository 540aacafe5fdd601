package s3

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// MaxLifecycleRules bounds the rules of a lifecycle configuration.
const MaxLifecycleRules = 1000

const day = 24 * time.Hour

type lifecycleConfig struct {
	XMLName xml.Name        `xml:"LifecycleConfiguration"`
	XMLNS   string          `xml:"xmlns,attr,omitempty"`
	Rules   []lifecycleRule `xml:"Rule"`
}

// lifecycleRule is a rule as it is put and answered.
type lifecycleRule struct {
	ID          string
	Status      string
	Prefix      *string
	Filter      *lifecycleFilter
	Expiration  *lifecycleExpiration
	Transitions []lifecycleTransition `xml:"Transition"`
	Abort       *lifecycleAbort       `xml:"AbortIncompleteMultipartUpload"`
	// What the next two are about never comes to be: an object has one version.
	Noncurrent  *lifecycleNoncurrent         `xml:"NoncurrentVersionExpiration"`
	Noncurrents []lifecycleTransition        `xml:"NoncurrentVersionTransition"`
	Unknown     []struct{ XMLName xml.Name } `xml:",any"`
}

type lifecycleFilter struct {
	lifecycleTerms
	And *lifecycleTerms
}

type lifecycleTerms struct {
	Prefix  *string
	Tags    []tagXML `xml:"Tag"`
	Greater *int64   `xml:"ObjectSizeGreaterThan"`
	Less    *int64   `xml:"ObjectSizeLessThan"`
}

func (t lifecycleTerms) count() int {
	n := len(t.Tags)
	for _, there := range []bool{t.Prefix != nil, t.Greater != nil, t.Less != nil} {
		if there {
			n++
		}
	}
	return n
}

type lifecycleExpiration struct {
	Days                      *int
	Date                      string `xml:",omitempty"`
	ExpiredObjectDeleteMarker *bool
}

type lifecycleTransition struct {
	Days                    *int
	Date                    string `xml:",omitempty"`
	NoncurrentDays          *int
	NewerNoncurrentVersions *int
	StorageClass            string
}

type lifecycleNoncurrent struct {
	NoncurrentDays          *int
	NewerNoncurrentVersions *int
}

type lifecycleAbort struct{ DaysAfterInitiation *int }

// checkLifecycle reads a lifecycle configuration and gives its rules ids.
func checkLifecycle(_ *call, _ *bucketRecord, b []byte) (string, error) {
	var in lifecycleConfig
	if err := parseXML(b, &in); err != nil {
		return "", err
	}
	if len(in.Rules) == 0 || len(in.Rules) > MaxLifecycleRules {
		return "", errMalformedXML()
	}
	seen := map[string]bool{}
	for i := range in.Rules {
		r := &in.Rules[i]
		if r.ID == "" {
			r.ID = newBlobID()
		}
		if seen[r.ID] {
			return "", errArgument("ID", r.ID, "Rule ID must be unique. Found same ID for more than one rule")
		}
		seen[r.ID] = true
		if err := r.check(); err != nil {
			return "", err
		}
	}
	in.XMLName.Space, in.XMLNS = "", namespace
	out, err := xml.Marshal(in)
	return string(out), err
}

func (r *lifecycleRule) check() error {
	switch {
	case r.Status != "Enabled" && r.Status != "Disabled", len(r.Unknown) > 0:
		return errMalformedXML()
	case len(r.ID) > 255:
		return errArgument("ID", r.ID, "ID length should not exceed allowed limit of 255")
	case r.Prefix == nil && r.Filter == nil, r.Prefix != nil && r.Filter != nil:
		return errMalformedXML()
	case r.Expiration == nil && r.Abort == nil && r.Noncurrent == nil && len(r.Transitions)+len(r.Noncurrents) == 0:
		return errInvalidRequest("At least one action needs to be specified in a rule.")
	}
	if err := r.checkFilter(); err != nil {
		return err
	}
	return r.checkActions()
}

func (r *lifecycleRule) checkFilter() error {
	if r.Filter == nil {
		return nil
	}
	single := r.Filter.count()
	if single > 1 || r.Filter.And != nil && (single > 0 || r.Filter.And.count() < 2) {
		return errMalformedXML()
	}
	t := r.terms()
	if t.Greater != nil && *t.Greater < 0 || t.Less != nil && *t.Less < 1 || t.Greater != nil && t.Less != nil && *t.Greater >= *t.Less {
		return errInvalidRequest("The maximum object size must be more than the minimum object size.")
	}
	tags, err := tagSet{Tags: t.Tags}.tags(MaxTags)
	if err != nil {
		return err
	}
	switch {
	case r.Abort != nil && len(tags) > 0:
		return errInvalidRequest("AbortIncompleteMultipartUpload cannot be specified with Tags.")
	case r.Abort != nil && (t.Greater != nil || t.Less != nil):
		return errInvalidRequest("AbortIncompleteMultipartUpload cannot be specified with object size.")
	}
	return nil
}

func (r *lifecycleRule) checkActions() error {
	if a := r.Abort; a != nil && (a.DaysAfterInitiation == nil || *a.DaysAfterInitiation < 1) {
		return errArgument("DaysAfterInitiation", "", "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer")
	}
	for _, t := range slices.Concat(r.Transitions, r.Noncurrents) {
		if !slices.Contains(storageClasses, t.StorageClass) && t.StorageClass != "GLACIER" && t.StorageClass != "DEEP_ARCHIVE" {
			return errMalformedXML()
		}
	}
	e := r.Expiration
	if e == nil {
		return nil
	}
	given := 0
	for _, there := range []bool{e.Days != nil, e.Date != "", e.ExpiredObjectDeleteMarker != nil} {
		if there {
			given++
		}
	}
	if given != 1 {
		return errMalformedXML()
	}
	if e.Days != nil && *e.Days < 1 {
		return errArgument("Days", fmt.Sprint(*e.Days), "'Days' for Expiration action must be a positive integer")
	}
	if e.Date == "" {
		return nil
	}
	date, err := time.Parse(time.RFC3339, e.Date)
	if err != nil {
		return errMalformedXML()
	}
	if !date.Equal(date.Truncate(day)) {
		return errArgument("Date", e.Date, "'Date' must be at midnight GMT")
	}
	return nil
}

// terms are what an object must fulfil for the rule to hold for it.
func (r *lifecycleRule) terms() lifecycleTerms {
	switch {
	case r.Filter == nil:
		return lifecycleTerms{Prefix: r.Prefix}
	case r.Filter.And != nil:
		return *r.Filter.And
	}
	return r.Filter.lifecycleTerms
}

// holdsFor tells whether the rule is for an object.
func (r *lifecycleRule) holdsFor(key string, o *objectRecord) bool {
	t := r.terms()
	if r.Status != "Enabled" || t.Prefix != nil && !strings.HasPrefix(key, *t.Prefix) ||
		t.Greater != nil && o.Size <= *t.Greater || t.Less != nil && o.Size >= *t.Less {
		return false
	}
	return !slices.ContainsFunc(t.Tags, func(tag tagXML) bool {
		v, ok := o.Tags[tag.Key]
		return !ok || v != tag.Value
	})
}

// midnightAfter is the midnight, UTC, that ends a number of days after a moment.
func midnightAfter(ms int64, days int) time.Time {
	t := time.UnixMilli(ms).UTC().Add(time.Duration(days) * day)
	if m := t.Truncate(day); m.Before(t) {
		return m.Add(day)
	}
	return t
}

// expiry is when an object is to go by a bucket's rules, and by which of them;
// the earliest counts.
func (b *bucketRecord) expiry(key string, o *objectRecord) (at time.Time, rule string, ok bool) {
	for i := range b.rules {
		r := &b.rules[i]
		if r.Expiration == nil || r.Expiration.ExpiredObjectDeleteMarker != nil || !r.holdsFor(key, o) {
			continue
		}
		var t time.Time
		if r.Expiration.Days != nil {
			t = midnightAfter(o.Modified, *r.Expiration.Days)
		} else {
			t, _ = time.Parse(time.RFC3339, r.Expiration.Date) // it was checked when it was put
		}
		if !ok || t.Before(at) {
			at, rule, ok = t, r.ID, true
		}
	}
	return at, rule, ok
}

// abortion is when an upload is to go by a bucket's rules, and by which of them.
func (b *bucketRecord) abortion(up *uploadRecord) (at time.Time, rule string, ok bool) {
	for i := range b.rules {
		r := &b.rules[i]
		if r.Abort == nil || !r.holdsFor(up.Key, &up.Object) {
			continue
		}
		if t := midnightAfter(up.Initiated, *r.Abort.DaysAfterInitiation); !ok || t.Before(at) {
			at, rule, ok = t, r.ID, true
		}
	}
	return at, rule, ok
}

// compile reads a record's lifecycle rules, those that are in force.
func (b *bucketRecord) compile() error {
	b.rules = nil
	text := b.Config["lifecycle"]
	if text == "" {
		return nil
	}
	var c lifecycleConfig
	if err := parseXML([]byte(text), &c); err != nil {
		return err
	}
	b.rules = slices.DeleteFunc(c.Rules, func(r lifecycleRule) bool { return r.Status != "Enabled" })
	return nil
}

// expires sets the header that tells when an object will go.
func (c *call) expires(o *objectRecord) {
	if at, rule, ok := c.rec.expiry(c.key, o); ok {
		c.w.Header().Set("x-amz-expiration", fmt.Sprintf(`expiry-date="%s", rule-id="%s"`, at.UTC().Format(http.TimeFormat), rule))
	}
}
