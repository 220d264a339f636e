//! The shape of an error's body: what the clients of each kind of service parse.

use serde_json::json;

use crate::policy::ErrorFormat;

/// What a body says, in every format.
#[derive(Debug)]
pub(super) struct ErrorBody<'p> {
    pub(super) status: u16,
    /// The refusal's code.
    pub(super) code: &'static str,
    pub(super) message: &'p str,
    /// The parameter that it is about.
    pub(super) parameter: Option<&'p str>,
    /// AzureML's specific code.
    pub(super) azureml: &'static str,
}

impl ErrorBody<'_> {
    pub(super) fn render(&self, format: ErrorFormat) -> Vec<u8> {
        match format {
            ErrorFormat::Apim => self.apim(),
            ErrorFormat::Azureml => self.azureml(),
            ErrorFormat::Openai => self.openai(),
        }
    }

    /// API Management's, byte for byte.
    fn apim(&self) -> Vec<u8> {
        let Self { status, message, .. } = self;
        format!("{{ \"statusCode\": {status}, \"message\": {} }}", json!(message)).into_bytes()
    }

    /// The envelope of the AzureML web service: a class of errors, and in `details` the error.
    fn azureml(&self) -> Vec<u8> {
        let (class, about) = match self.status {
            401 | 403 => ("Unauthorized", "Request is unauthorized to access resource."),
            404 => ("NotFound", "Resource not found."),
            429 | 503 => ("ServiceUnavailable", "Service is temporarily unavailable."),
            405 => ("InvalidOperation", "The request is invalid in the current context."),
            _ => ("BadArgument", "Invalid argument provided."),
        };
        let details = json!([{ "code": self.azureml, "message": self.message }]);
        let error = json!({ "code": class, "message": about, "details": details });
        json!({ "error": error }).to_string().into_bytes()
    }

    fn openai(&self) -> Vec<u8> {
        let error = json!({
            "message": self.message,
            "type": "invalid_request_error",
            "param": self.parameter,
            "code": self.code,
        });
        json!({ "error": error }).to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn each_format_is_what_its_clients_parse() {
        let body = ErrorBody {
            status: 400,
            code: "invalid_parameter",
            message: "The parameter 'api-version' must be '2.0'.",
            parameter: Some("api-version"),
            azureml: "BadVersionCall",
        };
        let apim =
            br#"{ "statusCode": 400, "message": "The parameter 'api-version' must be '2.0'." }"#;
        assert_eq!(body.render(ErrorFormat::Apim), apim);
        let azureml: Value = serde_json::from_slice(&body.render(ErrorFormat::Azureml)).unwrap();
        assert_eq!(azureml["error"]["code"], "BadArgument");
        assert_eq!(azureml["error"]["details"][0]["code"], "BadVersionCall");
        assert_eq!(azureml["error"]["details"][0]["message"], body.message);
        let openai: Value = serde_json::from_slice(&body.render(ErrorFormat::Openai)).unwrap();
        let expected = json!({ "error": {
            "message": body.message, "type": "invalid_request_error",
            "param": "api-version", "code": "invalid_parameter",
        } });
        assert_eq!(openai, expected);
    }
}
