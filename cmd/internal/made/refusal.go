package made

import (
	"errors"

	"stanzahook/cmd/internal/config"
	"stanzahook/httpapi/v1"
)

// Refusal is the error of the API for one of the configuration: of mistakes it makes a
// [*v1.WrongEndpoint].
func Refusal(err error) error {
	mistakes, ok := errors.AsType[*config.Mistakes](err)
	if !ok {
		return err
	}
	wrong := &v1.WrongEndpoint{Forbidden: mistakes.Forbidden}
	for _, p := range mistakes.Problems {
		wrong.Problems = append(wrong.Problems, p.String())
	}
	return wrong
}
