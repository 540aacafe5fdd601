package sns

import (
	"encoding/xml"
	"io"
	"net/http"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/leatdev/leat/internal/aws"
)

// Matches tells whether a request is one of those that need no signature: the
// certificate, and the links in messages to confirm and to unsubscribe.
func Matches(r *http.Request) bool {
	if r.Method != http.MethodGet {
		return false
	}
	if name, ok := strings.CutPrefix(r.URL.Path, "/SimpleNotificationService-"); ok && strings.HasSuffix(name, ".pem") {
		return true
	}
	q := r.URL.Query()
	action := q.Get("Action")
	return r.URL.Path == "/" && (action == "ConfirmSubscription" || action == "Unsubscribe") &&
		r.Header.Get("Authorization") == "" && !q.Has("X-Amz-Signature")
}

// Handler serves the requests that Matches. Whoever has a link's token, or the
// unguessable ARN in it, may follow it.
func (s *Service) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Query().Get("Action") == "ConfirmSubscription":
			s.serveConfirm(w, r)
		case r.URL.Query().Get("Action") == "Unsubscribe":
			s.serveUnsubscribe(w, r)
		default:
			s.serveCertificate(w, r)
		}
	})
}

func (s *Service) serveCertificate(w http.ResponseWriter, r *http.Request) {
	name, text, err := s.certificate(r.Context())
	if err != nil {
		http.Error(w, "the certificate cannot be read", http.StatusInternalServerError)
		return
	}
	if r.URL.Path != "/"+name {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/x-pem-file")
	_, _ = w.Write(text) // a client that has gone does not matter
}

func (s *Service) serveConfirm(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	arn, token := q.Get("TopicArn"), q.Get("Token")
	out, err := s.ConfirmSubscription(r.Context(), &sdk.ConfirmSubscriptionInput{TopicArn: &arn, Token: &token})
	if err != nil {
		writeError(w, err)
		return
	}
	writeXML(w, http.StatusOK, "ConfirmSubscriptionResponse", "<ConfirmSubscriptionResult><SubscriptionArn>"+
		escape(*out.SubscriptionArn)+"</SubscriptionArn></ConfirmSubscriptionResult>")
}

func (s *Service) serveUnsubscribe(w http.ResponseWriter, r *http.Request) {
	s.cat.Lock()
	defer s.cat.Unlock()
	arn := r.URL.Query().Get("SubscriptionArn")
	sub, err := s.findSubscription(&arn)
	if err == nil && sub.rec.Authenticated && needsConfirmation(sub.rec.Protocol) {
		err = aws.StatusErrorf(http.StatusForbidden, "AuthorizationError", "Unsubscribe requires authentication")
	}
	if err == nil {
		err = s.unsubscribe(r.Context(), sub)
	}
	if err != nil && !aws.IsCode(err, "NotFound") {
		writeError(w, err)
		return
	}
	writeXML(w, http.StatusOK, "UnsubscribeResponse", "")
}

func writeError(w http.ResponseWriter, err error) {
	e, ok := aws.AsError(err)
	if !ok {
		e = aws.InternalFailure(err)
	}
	fault := "Sender"
	if e.HTTPStatus() >= 500 {
		fault = "Receiver"
	}
	writeXML(w, e.HTTPStatus(), "ErrorResponse", "<Error><Type>"+fault+"</Type><Code>"+escape(e.Code)+"</Code><Message>"+escape(e.Message)+"</Message></Error>")
}

func writeXML(w http.ResponseWriter, status int, root, inner string) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<"+root+` xmlns="http://sns.amazonaws.com/doc/2010-03-31/">`+inner+
		"<ResponseMetadata><RequestId>"+newUUID()+"</RequestId></ResponseMetadata></"+root+">\n")
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // writing to a Builder never fails
	return b.String()
}
