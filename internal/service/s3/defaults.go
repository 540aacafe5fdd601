package s3

import (
	"encoding/xml"
	"net/http"
)

// The operations in this file answer what AWS answers of a bucket for which
// nothing was set up: tools that compare a bucket with its description read
// every setting. Setting one up is refused, and setting it to what it is accepted.

// settled is a document that says that nothing is set up.
func settled(root string) string { return "<" + root + ` xmlns="` + namespace + `"/>` }

// onlyAs accepts a document whose element has one of the values that change nothing.
func onlyAs(element, why string, values ...string) func(*call, *bucketRecord, []byte) (string, error) {
	return func(_ *call, _ *bucketRecord, b []byte) (string, error) {
		var in struct {
			Members []struct {
				XMLName xml.Name
				Text    string `xml:",chardata"`
			} `xml:",any"`
		}
		if err := parseXML(b, &in); err != nil {
			return "", err
		}
		for _, m := range in.Members {
			fits := false
			for _, v := range values {
				fits = fits || m.XMLName.Local == element && m.Text == v
			}
			if !fits {
				return "", errNotImplemented(m.XMLName.Local + ": " + why)
			}
		}
		return string(b), nil
	}
}

// deleteNothing deletes a setting that is never there, which succeeds as on AWS.
//
// Errors: NoSuchBucket.
// Differs: the setting cannot be put.
func (c *call) deleteNothing() error { return c.reply(http.StatusNoContent, nil) }

// listOfNone lists no configurations: of this kind a bucket cannot have any.
//
// Errors: NoSuchBucket.
// Differs: none can be put.
func listOfNone(root string) func(*call) error {
	return func(c *call) error {
		if c.q.Has("id") {
			return errCode(http.StatusNotFound, "NoSuchConfiguration", "The specified configuration does not exist.")
		}
		return c.reply(http.StatusOK, struct {
			XMLName     xml.Name
			XMLNS       string `xml:"xmlns,attr"`
			IsTruncated bool
		}{XMLName: xml.Name{Local: root}, XMLNS: namespace})
	}
}

// unlocked refuses, as AWS does in a bucket without object lock.
//
// Errors: InvalidRequest, NoSuchBucket.
// Differs: no bucket has object lock.
func (*call) unlocked() error {
	return errInvalidRequest("Bucket is missing Object Lock Configuration")
}

// restoreObject refuses, as AWS does for objects that are not archived.
//
// Errors: InvalidObjectState, NoSuchKey, NoSuchBucket.
// Differs: nothing is ever archived.
func (c *call) restoreObject() error {
	if err := c.exists(); err != nil {
		return err
	}
	return errCode(http.StatusForbidden, "InvalidObjectState", "Restore is not allowed for the object's current storage class")
}
