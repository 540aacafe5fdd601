package s3

import (
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"maps"
	"net/http"
	"net/netip"
	"regexp"
	"sort"
	"strings"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func checkBucketName(name string) error {
	_, ipErr := netip.ParseAddr(name)
	if !bucketName.MatchString(name) || strings.Contains(name, "..") || ipErr == nil || strings.HasPrefix(name, "xn--") || strings.HasSuffix(name, "-s3alias") {
		return errCode(http.StatusBadRequest, "InvalidBucketName", "The specified bucket is not valid.").With("BucketName", name)
	}
	return nil
}

// CreateBucket makes a bucket. In us-east-1 making one's own bucket again succeeds.
//
// Limits: 1000 buckets an account; names of 3 to 63 characters.
// Errors: InvalidBucketName, BucketAlreadyExists, BucketAlreadyOwnedByYou,
// TooManyBuckets, IllegalLocationConstraintException, MalformedXML.
// Differs: object lock and ACLs other than private are refused.
func (c *call) createBucket() error {
	if err := checkBucketName(c.bucket); err != nil {
		return err
	}
	if err := c.refuseHeaders(); err != nil {
		return err
	}
	if c.r.Header.Get("x-amz-bucket-object-lock-enabled") == "true" {
		return errNotImplemented("object lock: " + refused["object-lock"])
	}
	r := aws.RequestFrom(c.ctx)
	region, err := c.location(r.Region)
	if err != nil {
		return err
	}
	c.w.Header().Set("Location", "/"+c.bucket)
	if err := c.s.CreateBucket(c.ctx, c.bucket, region); err != nil {
		return err
	}
	return c.reply(http.StatusOK, nil)
}

// location is the region a new bucket is to be in.
func (c *call) location(region string) (string, error) {
	b, err := c.small()
	if err != nil || len(b) == 0 {
		return region, err
	}
	var in struct {
		XMLName            xml.Name `xml:"CreateBucketConfiguration"`
		LocationConstraint string
	}
	if err := parseXML(b, &in); err != nil {
		return "", err
	}
	switch in.LocationConstraint {
	case "":
		return region, nil
	case "EU":
		return "eu-west-1", nil
	case region:
		return region, nil
	}
	if region == aws.DefaultRegion { // any region may be asked for from the oldest
		return in.LocationConstraint, nil
	}
	return "", errCode(http.StatusBadRequest, "IllegalLocationConstraintException",
		"The "+in.LocationConstraint+" location constraint is incompatible for the region specific endpoint this request was sent to.")
}

// CreateBucket makes a bucket of the context's caller in a region.
func (s *Service) CreateBucket(ctx context.Context, name, region string) error {
	if err := checkBucketName(name); err != nil {
		return err
	}
	owner := aws.RequestFrom(ctx).Account()
	s.cat.Lock()
	defer s.cat.Unlock()
	if b, err := s.find(name); err == nil {
		switch {
		case b.Owner != owner:
			return errCode(http.StatusConflict, "BucketAlreadyExists", "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.").With("BucketName", name)
		case b.Region == aws.DefaultRegion && region == aws.DefaultRegion:
			return nil
		}
		return errCode(http.StatusConflict, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.").With("BucketName", name)
	}
	if len(s.ownedBy(owner)) >= MaxBuckets {
		return errCode(http.StatusBadRequest, "TooManyBuckets", "You have attempted to create more buckets than allowed")
	}
	rec := &bucketRecord{Name: name, Owner: owner, Region: region, Created: s.now(), Config: map[string]string{}}
	return s.putBucket(ctx, rec)
}

// putBucket stores a bucket's record; cat is held.
func (s *Service) putBucket(ctx context.Context, rec *bucketRecord) error {
	if err := s.update(ctx, func(tx kv.Txn) error { return put(tx, keyBucket(rec.Name), rec) }); err != nil {
		return err
	}
	if err := rec.compile(); err != nil {
		return err
	}
	s.mu.Lock()
	s.buckets[rec.Name] = rec
	s.mu.Unlock()
	if len(rec.rules) > 0 {
		s.life.changed()
	}
	return nil
}

func (s *Service) ownedBy(account string) []*bucketRecord {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []*bucketRecord
	for _, b := range s.buckets {
		if b.Owner == account {
			out = append(out, b)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// DeleteBucket removes an empty bucket; uploads that were not completed go with it.
//
// Errors: NoSuchBucket, BucketNotEmpty.
// Differs: nothing.
func (c *call) deleteBucket() error {
	c.s.cat.Lock()
	defer c.s.cat.Unlock()
	for {
		more, err := c.s.abortSome(c.ctx, c.bucket)
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	err := c.s.update(c.ctx, func(tx kv.Txn) error {
		for _, prefix := range [][]byte{prefixObjects(c.bucket), prefixUploads(c.bucket)} {
			err := tx.Scan(kv.PrefixRange(prefix), func([]byte, []byte) error {
				return errCode(http.StatusConflict, "BucketNotEmpty", "The bucket you tried to delete is not empty").With("BucketName", c.bucket)
			})
			if err != nil {
				return err
			}
		}
		return tx.Delete(keyBucket(c.bucket))
	})
	if err != nil {
		return err
	}
	c.s.mu.Lock()
	delete(c.s.buckets, c.bucket)
	c.s.mu.Unlock()
	return c.reply(http.StatusNoContent, nil)
}

// abortSome aborts one upload of a bucket that has no objects.
func (s *Service) abortSome(ctx context.Context, bucket string) (more bool, err error) {
	var up uploadRecord
	err = s.store.View(ctx, func(r kv.Reader) error {
		up = uploadRecord{}
		err := r.Scan(kv.PrefixRange(prefixObjects(bucket)), func([]byte, []byte) error { return errBusy })
		if err != nil {
			return err
		}
		return r.Scan(kv.PrefixRange(prefixUploads(bucket)), func(_, b []byte) error {
			return errors.Join(decode(b, &up), kv.ErrStop)
		})
	})
	if errors.Is(err, errBusy) || err == nil && up.ID == "" {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, s.abort(ctx, bucket, up.Key, up.ID)
}

var errBusy = errors.New("s3: the bucket has objects")

// HeadBucket tells that a bucket is there and in which region.
//
// Errors: NoSuchBucket, AccessDenied, as statuses without a body.
// Differs: nothing.
func (c *call) headBucket() error {
	c.w.Header().Set("x-amz-bucket-region", c.rec.Region)
	return c.reply(http.StatusOK, nil)
}

type ownerXML struct {
	ID          string
	DisplayName string `xml:",omitempty"`
}

type bucketXML struct {
	Name         string
	CreationDate string
	BucketRegion string
}

// maxBucketsPage bounds a page of ListBuckets.
const maxBucketsPage = 10_000

// ListBuckets answers the caller's buckets, by name.
//
// Limits: 10,000 buckets a page.
// Errors: InvalidArgument.
// Differs: nothing.
func (c *call) listBuckets() error {
	account := aws.RequestFrom(c.ctx).Account()
	out := struct {
		XMLName xml.Name    `xml:"ListAllMyBucketsResult"`
		XMLNS   string      `xml:"xmlns,attr"`
		Owner   ownerXML    `xml:"Owner"`
		Buckets []bucketXML `xml:"Buckets>Bucket"`
		Prefix  string      `xml:",omitempty"`
		Token   string      `xml:"ContinuationToken,omitempty"`
	}{XMLNS: namespace, Owner: ownerXML{ID: account}, Prefix: c.q.Get("prefix")}
	limit, err := c.number("max-buckets", maxBucketsPage)
	if err != nil || limit < 1 || limit > maxBucketsPage {
		return errArgument("max-buckets", c.q.Get("max-buckets"), "Argument max-buckets must be an integer between 1 and 10000")
	}
	after, err := base64.RawURLEncoding.DecodeString(c.q.Get("continuation-token"))
	if err != nil {
		return errArgument("continuation-token", c.q.Get("continuation-token"), "The continuation token provided is incorrect")
	}
	region := c.q.Get("bucket-region")
	for _, b := range c.s.ownedBy(account) {
		if b.Name <= string(after) || !strings.HasPrefix(b.Name, out.Prefix) || region != "" && region != b.Region {
			continue
		}
		if len(out.Buckets) == limit {
			out.Token = base64.RawURLEncoding.EncodeToString([]byte(out.Buckets[limit-1].Name))
			break
		}
		out.Buckets = append(out.Buckets, bucketXML{b.Name, stamp(b.Created), b.Region})
	}
	return c.reply(http.StatusOK, out)
}

// GetBucketLocation answers a bucket's region; nothing for us-east-1.
//
// Errors: NoSuchBucket.
// Differs: nothing.
func (c *call) getLocation() error {
	region := c.rec.Region
	if region == aws.DefaultRegion {
		region = ""
	}
	return c.reply(http.StatusOK, struct {
		XMLName xml.Name `xml:"LocationConstraint"`
		XMLNS   string   `xml:"xmlns,attr"`
		Region  string   `xml:",chardata"`
	}{XMLNS: namespace, Region: region})
}

// config describes how a bucket's subresource is kept.
type config struct {
	root    string // root element; "" for JSON
	check   func(c *call, rec *bucketRecord, text []byte) (string, error)
	missing *aws.Error // what asking for it answers when it was not put; nil: an empty document
	preset  string     // what asking for it answers then
	status  int        // of a successful put
}

func missing(code, text string) *aws.Error { return errCode(http.StatusNotFound, code, text) }

var configs map[string]config

func init() {
	configs = map[string]config{
		"policy":            {check: checkPolicy, missing: missing("NoSuchBucketPolicy", "The bucket policy does not exist"), status: http.StatusNoContent},
		"cors":              {root: "CORSConfiguration", check: checkCORS, missing: missing("NoSuchCORSConfiguration", "The CORS configuration does not exist"), status: http.StatusOK},
		"lifecycle":         {root: "LifecycleConfiguration", check: checkLifecycle, missing: missing("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"), status: http.StatusOK},
		"encryption":        {root: "ServerSideEncryptionConfiguration", check: checkEncryption, preset: `<ServerSideEncryptionConfiguration xmlns="` + namespace + `"><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>`, status: http.StatusOK},
		"publicAccessBlock": {root: "PublicAccessBlockConfiguration", check: checkAccessBlock, missing: missing("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found"), status: http.StatusOK},
		"ownershipControls": {root: "OwnershipControls", preset: `<OwnershipControls xmlns="` + namespace + `"><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>`, check: checkOwnership, status: http.StatusOK},
		"tagging":           {root: "Tagging", check: checkBucketTags, missing: missing("NoSuchTagSet", "The TagSet does not exist"), status: http.StatusNoContent},
		"versioning":        {root: "VersioningConfiguration", check: onlyAs("Status", noVersions, "Suspended"), preset: settled("VersioningConfiguration"), status: http.StatusOK},
		"accelerate":        {root: "AccelerateConfiguration", check: onlyAs("Status", "there is no edge to accelerate from", "Suspended"), preset: settled("AccelerateConfiguration"), status: http.StatusOK},
		"requestPayment":    {root: "RequestPaymentConfiguration", check: onlyAs("Payer", "nobody pays", "BucketOwner"), preset: `<RequestPaymentConfiguration xmlns="` + namespace + `"><Payer>BucketOwner</Payer></RequestPaymentConfiguration>`, status: http.StatusOK},
		"logging":           {root: "BucketLoggingStatus", check: onlyAs("", "access is logged by the platform"), preset: settled("BucketLoggingStatus"), status: http.StatusOK},
		"website":           {missing: missing("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration")},
		"replication":       {missing: missing("ReplicationConfigurationNotFoundError", "The replication configuration was not found")},
		"object-lock":       {missing: missing("ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket")},
		"notification":      {root: "NotificationConfiguration", check: checkNotification, preset: `<NotificationConfiguration xmlns="` + namespace + `"/>`, status: http.StatusOK},
	}
}

// getConfig answers a bucket's setting as it was put.
//
// Errors: NoSuchBucket, and the setting's own error where it has none (NoSuchBucketPolicy, NoSuchCORSConfiguration …).
// Differs: nothing.
func getConfig(name string) func(*call) error {
	return func(c *call) error {
		text, cfg := c.rec.Config[name], configs[name]
		if text == "" {
			if cfg.missing != nil {
				return cfg.missing.With("BucketName", c.bucket)
			}
			text = cfg.preset
		}
		kind := "application/json"
		if cfg.root != "" {
			kind = "application/xml"
			if !strings.HasPrefix(text, "<?xml") {
				text = xml.Header + text
			}
		}
		c.w.Header().Set("Content-Type", kind)
		c.started = true
		_, _ = c.w.Write([]byte(text)) // a client that has gone does not matter
		return nil
	}
}

// putConfig keeps a bucket's setting.
//
// Errors: NoSuchBucket, MalformedXML, MalformedPolicy, InvalidArgument.
// Differs: policy, CORS, notification, tagging, public access block (a new bucket has none) and lifecycle have their effect,
// but that a lifecycle rule's transitions change nothing: there is one storage class. Encryption and ownership controls are
// kept and answered, and bodies lie as they came. Versioning and acceleration can be suspended and not enabled,
// logging be left off, the owner pay. Notification targets are looked at also where x-amz-skip-destination-validation asks not to.
func putConfig(name string) func(*call) error {
	return func(c *call) error {
		b, err := c.small()
		if err != nil {
			return err
		}
		cfg := configs[name]
		if cfg.root != "" {
			root, err := rootOf(b)
			if err != nil || root != cfg.root {
				return errMalformedXML()
			}
		}
		return c.configure(name, string(b), cfg.status, func(rec *bucketRecord) error {
			if cfg.check == nil {
				return nil
			}
			text, err := cfg.check(c, rec, b)
			rec.Config[name] = text
			return err
		})
	}
}

// rootOf is the name of a document's outermost element; the whole document is read.
func rootOf(b []byte) (string, error) {
	var any struct {
		XMLName xml.Name
		Inner   string `xml:",innerxml"`
	}
	err := parseXML(b, &any)
	return any.XMLName.Local, err
}

// deleteConfig removes a bucket's setting.
//
// Errors: NoSuchBucket.
// Differs: nothing.
func deleteConfig(name string) func(*call) error {
	return func(c *call) error {
		return c.configure(name, "", http.StatusNoContent, func(*bucketRecord) error { return nil })
	}
}

// configure rewrites one subresource of a bucket.
func (c *call) configure(name, text string, status int, edit func(*bucketRecord) error) error {
	c.s.cat.Lock()
	defer c.s.cat.Unlock()
	rec, err := c.s.find(c.bucket)
	if err != nil {
		return err
	}
	next := *rec
	next.Config = maps.Clone(rec.Config)
	if next.Config == nil {
		next.Config = map[string]string{}
	}
	if text == "" {
		delete(next.Config, name)
	} else {
		next.Config[name] = text
	}
	if err := edit(&next); err != nil {
		return err
	}
	if err := c.s.putBucket(c.ctx, &next); err != nil {
		return err
	}
	return c.reply(status, nil)
}
