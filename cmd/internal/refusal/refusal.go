// Package refusal writes what the configuration refuses as the API answers it.
package refusal

import (
	"errors"

	"go.uber.org/zap"

	"stanzahook/cmd/internal/config"
	"stanzahook/httpapi/v1"
)

// OfPut is the error for something that is put: of mistakes in it a [*v1.WrongEndpoint] is made.
func OfPut(err error) error {
	mistakes, ok := errors.AsType[*config.Mistakes](err)
	if !ok {
		return err
	}
	return &v1.WrongEndpoint{Forbidden: mistakes.Forbidden, Problems: texts(mistakes.Problems)}
}

// OfReload is the error for a configuration that is read again: a [*v1.Refusal].
func OfReload(err error) error {
	if problems, ok := errors.AsType[config.Problems](err); ok {
		return &v1.Refusal{Problems: texts(problems)}
	}
	return &v1.Refusal{Problems: []string{err.Error()}}
}

func texts(problems config.Problems) []string {
	var all []string
	for _, p := range problems {
		all = append(all, p.String())
	}
	return all
}

// Log logs why a reload has failed.
func Log(log *zap.Logger, err error) {
	if no, ok := errors.AsType[*v1.Refusal](err); ok {
		log.Error(no.Error(), zap.Strings("problems", no.Problems))
		return
	}
	log.Error("configuration rejected; still running with the previous one", zap.Error(err))
}
