package apigateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// static tells whether a template is text that the template language leaves as
// it is: no references ($) and no directives (#if, #set …).
func static(template string) bool {
	return !strings.Contains(template, "$") && !directive.MatchString(template)
}

var directive = regexp.MustCompile(`#(set|if|foreach|else|end|include|parse|macro|define|stop)\b`)

// mockStatus reads the status code out of a MOCK integration's request template.
func mockStatus(template string) (string, error) {
	if !static(template) {
		return "", errors.New("request templates of MOCK integrations must be static text like {\"statusCode\": 200}")
	}
	// The template language accepts {statusCode:200} too.
	var doc struct {
		StatusCode json.Number `json:"statusCode"`
	}
	text := bareKey.ReplaceAllString(template, `${1}"statusCode"${2}`)
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		return "", fmt.Errorf("the request template of a MOCK integration is not JSON with a statusCode: %w", err)
	}
	return doc.StatusCode.String(), nil
}

var bareKey = regexp.MustCompile(`([{,]\s*)statusCode(\s*:)`)
