//! The table of errors. Classes, codes and messages are those of the service's page "REST API Error Codes"; the shape
//! around them, the envelope, is what two of its clients parse. Rows marked inferred are not on that page.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Why a request was refused.
#[derive(Debug)]
pub(crate) enum Fault {
    BadVersionCall(String),
    BatchJobInputsNotSpecified(&'static str),
    CannotStartJob(&'static str),
    ContainerSegmentInvalid,
    DuplicateInputInBatchCall,
    InputBlobRelativeLocationInvalid,
    InputMismatchError,
    InputParseError(String),
    InvalidBlobConnectionString(String),
    InvalidInputNames(String),
    InvalidOutputOverrideName(String),
    InvalidQueryParameter(&'static str, &'static str),
    JobNotFound,
    MissingInputBlobInformation,
    MissingRequestInput,
    RequestBodyInvalid,
    RequestThrottled { endpoint: String, concurrency: usize },
    RequestTooLarge,
    RouteNotFound,
    ScoreRequestUnauthorized,
    UnexpectedParameter,
    UserParameterInvalid(String),
    WebServiceIdNotFoundInWorkspace,
    WorkspaceNotFound,
}

/// What the codes of one kind have in common.
struct Class {
    status: StatusCode,
    code: &'static str,
    message: &'static str,
}

const BAD_ARGUMENT: Class = Class {
    status: StatusCode::BAD_REQUEST,
    code: "BadArgument",
    message: "Invalid argument provided.",
};
const BAD_USER_ARGUMENT: Class = Class {
    status: StatusCode::BAD_REQUEST,
    code: "BadUserArgument",
    message: "Invalid user argument provided.",
};
const INVALID_OPERATION: Class = Class {
    status: StatusCode::BAD_REQUEST,
    code: "InvalidOperation",
    message: "The request is invalid in the current context.",
};
const UNAUTHORIZED: Class = Class {
    status: StatusCode::UNAUTHORIZED,
    code: "Unauthorized",
    message: "Request is unauthorized to access resource.",
};
const NOT_FOUND: Class =
    Class { status: StatusCode::NOT_FOUND, code: "NotFound", message: "Resource not found." };
/// Inferred: the page's only class of 413 is about the memory of a model.
const TOO_LARGE: Class = Class {
    status: StatusCode::PAYLOAD_TOO_LARGE,
    code: "RequestEntityTooLarge",
    message: "The request is too large.",
};
const UNAVAILABLE: Class = Class {
    status: StatusCode::SERVICE_UNAVAILABLE,
    code: "ServiceUnavailable",
    message: "Service is temporarily unavailable.",
};

impl Fault {
    fn row(&self) -> (Class, &'static str, String) {
        match self {
            Self::BadVersionCall(version) => (
                BAD_ARGUMENT,
                "BadVersionCall",
                format!(
                    "Invalid version parameter was passed during the API call: {version}. Check the API help page for \
                     passing the correct version and try again."
                ),
            ),
            Self::BatchJobInputsNotSpecified(inputs) => (
                BAD_ARGUMENT,
                "BatchJobInputsNotSpecified",
                format!(
                    "The following required input(s) were not specified with the request: {inputs}. Please ensure all \
                     input data is specified and try again."
                ),
            ),
            Self::CannotStartJob(state) => (
                INVALID_OPERATION,
                "CannotStartJob",
                format!("The job cannot be started because it is in {state} state."),
            ),
            Self::ContainerSegmentInvalid => (
                BAD_ARGUMENT,
                "ContainerSegmentInvalid",
                "Invalid container name. Provide a valid container name and try again.".into(),
            ),
            Self::DuplicateInputInBatchCall => (
                BAD_ARGUMENT,
                "DuplicateInputInBatchCall",
                "The batch request is invalid. Cannot specify both single and multiple input at the same time. Remove \
                 one of these items from the request and try again."
                    .into(),
            ),
            Self::InputBlobRelativeLocationInvalid => (
                BAD_ARGUMENT,
                "InputBlobRelativeLocationInvalid",
                "No Azure storage blob name provided. Provide a valid blob name and try again.".into(),
            ),
            Self::InputMismatchError => (
                BAD_USER_ARGUMENT,
                "InputMismatchError",
                "Input data does not match input port schema.".into(),
            ),
            Self::InputParseError(details) => (
                BAD_USER_ARGUMENT,
                "InputParseError",
                format!(
                    "Parsing of input vector failed.  Verify the input vector has the correct number of columns and \
                     data types.  Additional details: {details}."
                ),
            ),
            Self::InvalidBlobConnectionString(why) => (
                BAD_ARGUMENT,
                "InvalidBlobConnectionString",
                format!(
                    "The connection string specified for one of the input/output blobs is invalid: {why}. Please \
                     correct this and try again."
                ),
            ),
            Self::InvalidInputNames(names) => (
                BAD_ARGUMENT,
                "InvalidInputNames",
                format!(
                    "Invalid service input name(s) specified in the request: {names}. Please map the input data to the \
                     correct service inputs and try again."
                ),
            ),
            Self::InvalidOutputOverrideName(name) => (
                BAD_ARGUMENT,
                "InvalidOutputOverrideName",
                format!(
                    "Invalid output override name: {name}. The service does not have an output node with this name. \
                     Please pass in a correct output node name to override (case sensitivity applies)."
                ),
            ),
            Self::InvalidQueryParameter(name, why) => (
                BAD_ARGUMENT,
                "InvalidQueryParameter",
                format!("Invalid query parameter '{name}'. {why}"),
            ),
            // Inferred: the page has no code for an id that names no job.
            Self::JobNotFound => {
                (NOT_FOUND, "JobNotFound", "Job not found. Verify the job Id is correct and try again.".into())
            }
            Self::MissingInputBlobInformation => (
                BAD_ARGUMENT,
                "MissingInputBlobInformation",
                "Missing Azure storage blob information. Provide a valid connection string and relative path or URI \
                 and try again."
                    .into(),
            ),
            Self::MissingRequestInput => (
                BAD_ARGUMENT,
                "MissingRequestInput",
                "The web service expects an input, but no input was provided. Ensure valid inputs are provided based \
                 on the published input ports in the model and try again."
                    .into(),
            ),
            Self::RequestBodyInvalid => (
                BAD_ARGUMENT,
                "RequestBodyInvalid",
                "No request body provided or error in deserializing the request body.".into(),
            ),
            Self::RequestThrottled { endpoint, concurrency } => (
                UNAVAILABLE,
                "RequestThrottled",
                format!(
                    "Request was throttled for {endpoint} endpoint. The maximum concurrency for the endpoint is \
                     {concurrency}."
                ),
            ),
            // Inferred.
            Self::RequestTooLarge => {
                (TOO_LARGE, "RequestEntityTooLarge", "The request body is longer than is allowed.".into())
            }
            // Inferred: what the service said of a path or method that is none of its own was not found.
            Self::RouteNotFound => (NOT_FOUND, "ResourceNotFound", "No such operation.".into()),
            Self::ScoreRequestUnauthorized => {
                (UNAUTHORIZED, "ScoreRequestUnauthorized", "Invalid credentials provided.".into())
            }
            Self::UnexpectedParameter => (
                BAD_USER_ARGUMENT,
                "UnexpectedParameter",
                "Verify only the required parameters expected by the web service are passed and try again.".into(),
            ),
            Self::UserParameterInvalid(details) => (BAD_USER_ARGUMENT, "UserParameterInvalid", details.clone()),
            Self::WebServiceIdNotFoundInWorkspace => (
                NOT_FOUND,
                "WebServiceIdNotFoundInWorkspace",
                "Web service under this workspace not found. There is a mismatch between the webServiceId and the \
                 workspaceId. Verify the web service provided is part of the workspace and try again."
                    .into(),
            ),
            Self::WorkspaceNotFound => (
                NOT_FOUND,
                "WorkspaceNotFound",
                "Workspace not found. Verify the workspace Id is correct and try again.".into(),
            ),
        }
    }
}

#[derive(Serialize)]
struct Envelope {
    error: ErrorBody,
}

#[derive(Serialize)]
struct ErrorBody {
    code: &'static str,
    message: &'static str,
    details: [Detail; 1],
}

#[derive(Serialize)]
struct Detail {
    code: &'static str,
    message: String,
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let (class, code, message) = self.row();
        let details = [Detail { code, message }];
        let error = ErrorBody { code: class.code, message: class.message, details };
        (class.status, Json(Envelope { error })).into_response()
    }
}
