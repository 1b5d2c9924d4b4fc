package secret_test

import (
	"fmt"
	"os"
	"path/filepath"

	"stanzahook/pkg/secret"
)

func Example() {
	password := secret.New("correct horse")
	fmt.Println("the password is", password)
	fmt.Printf("%+v\n", struct {
		User     string
		Password secret.String
	}{"juliet", password})
	fmt.Println(len(password.Reveal()))
	// Output:
	// the password is <secret>
	// {User:juliet Password:<secret>}
	// 13
}

func ExampleFind() {
	dir, err := os.MkdirTemp("", "secret")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "bot.secret"), []byte("correct horse\n"), 0o600); err != nil {
		fmt.Println(err)
		return
	}

	// There is no $CREDENTIALS_DIRECTORY here, so the file next to the
	// configuration is taken.
	path, err := secret.Find("bot.secret", "", dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	password, err := secret.FromFile(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(password, len(password.Reveal()))
	// Output: <secret> 13
}
