package main

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/openid-client/openid/login"
)

// withEcho: echo wraps such middleware by itself.
func withEcho(web *login.Handler) http.Handler {
	e := echo.New()
	e.Any("/auth/*", echo.WrapHandler(web))
	e.GET("/orders/:id", func(c echo.Context) error {
		_, subject := login.UserFrom(c.Request().Context()).Subject()
		return c.String(http.StatusOK, subject+" "+c.Param("id"))
	}, echo.WrapMiddleware(web.Require))
	return e
}
