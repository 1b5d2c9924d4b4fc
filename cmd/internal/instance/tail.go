package instance

import (
	"net/url"
	"time"
)

// TailRequest asks for what happens, as a stream.
func TailRequest(query url.Values) Request { return Request{Path: "/v1/tail", Query: query} }

// DeliveryPath is the path of a delivery.
func DeliveryPath(id string) string { return "/v1/deliveries/" + url.PathEscape(id) }

// Delivery is a change of a delivery, as GET /v1/tail tells it.
type Delivery struct {
	Time     time.Time
	ID       string
	Endpoint string
	State    string
	Type     string
	From, To string
	Attempt  *struct {
		N        int
		Status   *int
		Duration float64 `json:"duration_ms"`
		Error    *string
		Note     *string
	}
	Reason *string
}
