package signature_test

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"stanzahook/pkg/signature"
)

func ExampleSigner() {
	key, err := signature.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		fmt.Println(err)
		return
	}
	body, now := []byte(`{"test": 2432232314}`), time.Unix(1614265330, 0)

	header := http.Header{}
	header.Set(signature.HeaderID, "msg_p5jXN8AQM9LWM0D4loKWxJek")
	header.Set(signature.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	header.Set(signature.HeaderSignature, signature.NewSigner([]signature.Secret{key}).Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", now, body))
	fmt.Println(header.Get(signature.HeaderSignature))
	// Output:
	// v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
}
