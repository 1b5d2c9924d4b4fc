package jid_test

import (
	"errors"
	"fmt"

	"stanzahook/pkg/jid"
)

func ExampleParse() {
	j, err := jid.Parse("Juliet@XN--BCHER-KVA.example./Balcony")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(j)
	fmt.Println(j.Local(), j.Domain(), j.Resource())
	fmt.Println(j.Bare() == jid.MustParse("juliet@bücher.example"))
	// Output:
	// juliet@bücher.example/Balcony
	// juliet bücher.example Balcony
	// true
}

func ExampleError() {
	_, err := jid.Parse("a b@x")
	fmt.Println(err)
	if e, ok := errors.AsType[*jid.Error](err); ok {
		fmt.Println(e.Part)
	}
	// Output:
	// jid "a b@x": localpart: contains a space
	// localpart
}

func ExampleFromServer() {
	// RFC 8265 refuses the joiner, but the server let this nickname in.
	from := "room@muc.example/\U0001f468\u200d\U0001f469"
	_, err := jid.Parse(from)
	fmt.Println(err)
	j := jid.FromServer(from)
	fmt.Println(j.String() == from, j.Bare())
	// Output:
	// jid "room@muc.example/👨\u200d👩": resourcepart: contains U+200D, which PRECIS disallows here
	// true room@muc.example
}

func ExampleJID_WithResource() {
	room := jid.MustParse("room@muc.example")
	occupant, err := room.WithResource("Juliet C.")
	fmt.Println(occupant, err)
	// Output: room@muc.example/Juliet C. <nil>
}

func ExampleGlob() {
	for _, pattern := range []string{"example.com", "*@example.com", "*.example.com", "*"} {
		g, err := jid.ParseGlob(pattern)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(pattern,
			g.Match(jid.MustParse("example.com")),
			g.Match(jid.MustParse("juliet@example.com/balcony")),
			g.Match(jid.MustParse("juliet@muc.example.com")))
	}
	// Output:
	// example.com true true false
	// *@example.com false true false
	// *.example.com false false true
	// * true true true
}
