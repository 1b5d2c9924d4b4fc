package restjson

import (
	"encoding/json"
	"testing"
)

// Which of several bodies and subjects an event has; in the module's own JSON it
// is the first.
func TestLanguages(t *testing.T) {
	for _, c := range []struct{ name, lang, inner, body, subject, want, xml string }{
		{"one", "en", `<body>No</body>`, "No", "", "en", ""},
		{"another language first", "en", `<body xml:lang='de'>Ja</body><body>No</body>`, "No", "", "en", `<body xml:lang='de'>Ja</body>`},
		{"an equal one", "EN-gb", `<body xml:lang='de'>Ja</body><body xml:lang='en-GB'>No</body>`, "No", "", "en-GB", `<body xml:lang='de'>Ja</body><body xml:lang='en-GB'>No</body>`},
		{"none of them", "en", `<body xml:lang='de'>Ja</body><body xml:lang='fr'>Non</body>`, "Ja", "", "de", `<body xml:lang='de'>Ja</body><body xml:lang='fr'>Non</body>`},
		{"the stanza has no language", "", `<body xml:lang='de'>Ja</body><body>No</body>`, "No", "", "", `<body xml:lang='de'>Ja</body>`},
		{"one, in another language", "en", `<body xml:lang='de'>Ja</body>`, "Ja", "", "de", `<body xml:lang='de'>Ja</body>`},
		{"subjects", "en", `<subject xml:lang='de'>B</subject><subject>S</subject><body xml:lang='de'>Ja</body><body>No</body>`, "No", "S", "en", `<subject xml:lang='de'>B</subject><body xml:lang='de'>Ja</body>`},
		{"a subject alone", "en", `<subject xml:lang='de'>B</subject>`, "", "B", "de", `<subject xml:lang='de'>B</subject>`},
		{"the same text twice", "en", `<body xml:lang='de'>OK</body><body>OK</body>`, "OK", "", "en", `<body xml:lang='de'>OK</body><body>OK</body>`},
		{"of three the second", "en", `<body xml:lang='de'>Ja</body><body>No</body><body xml:lang='fr'>Non</body>`, "No", "", "en", `<body xml:lang='de'>Ja</body><body xml:lang='fr'>Non</body>`},
	} {
		lang := ""
		if c.lang != "" {
			lang = " xml:lang='" + c.lang + "'"
		}
		xml := "<message from='u@example.com' to='b@example.com'" + lang + ">" + c.inner + "</message>"
		s := parse(xml)
		var got struct{ Body, Subject, Lang, XML, Stanza string }
		if err := json.Unmarshal(AppendWithStanza(nil, s, nil, ""), &got); err != nil {
			t.Fatalf("%s: %v: %s", c.name, err, AppendWithStanza(nil, s, nil, ""))
		}
		if got.Body != c.body || got.Subject != c.subject || got.Lang != c.want || got.XML != c.xml || got.Stanza != xml {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	s := parse("<message xml:lang='en'><body xml:lang='de'>Ja</body><body>No</body></message>")
	var got struct{ Body, Lang string }
	if err := json.Unmarshal(Append(nil, s), &got); err != nil || got.Body != "Ja" || got.Lang != "en" {
		t.Errorf("as the module: %+v, %v", got, err)
	}
}
