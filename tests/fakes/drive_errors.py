"""Drive's own words when it refuses: status, reason and message as documented in "Resolve errors"."""

from collections.abc import Mapping

from tests.fakes.drive_http import Response, answer

MESSAGES = {
    "userRateLimitExceeded": "User Rate Limit Exceeded. Rate of requests for user exceed configured project quota, you "
    "may consider re-evaluating expected per-user traffic to the API and adjust project quota limits accordingly.",
    "rateLimitExceeded": "Rate Limit Exceeded",
    "sharingRateLimitExceeded": "Rate limit exceeded. User message: These item(s) could not be shared because a rate "
    "limit was exceeded: filename",
    "storageQuotaExceeded": "The user's Drive storage quota has been exceeded.",
    "quotaExceeded": "The quota has been exceeded.",
    "dailyLimitExceeded": "Daily Limit Exceeded",
    "teamDriveFileLimitExceeded": "The file limit for this shared drive has been exceeded.",
    "numChildrenInNonRootLimitExceeded": "The limit for this folder's number of children (files and folders) has been "
    "exceeded.",
    "activeItemCreationLimitExceeded": "This account has exceeded the creation limit of 500 million items.",
    "domainPolicy": "The domain administrators have disabled Drive apps.",
    "insufficientFilePermissions": "The user does not have sufficient permissions for this file.",
    "insufficientParentPermissions": "Insufficient permissions for the specified parent.",
    "insufficientPermissions": "Request had insufficient authentication scopes.",
    "appNotAuthorizedToFile": "The user has not granted the app 123456789 read access to the file.",
    "accessNotConfigured": "Google Drive API has not been used in project 123456789 before or it is disabled. Enable "
    "it by visiting https://console.developers.google.com/apis/api/drive.googleapis.com/overview?project=123456789",
    "cannotDownloadAbusiveFile": "This file has been identified as malware or spam and cannot be downloaded.",
    "authError": "Invalid Credentials",
    "backendError": "Backend Error",
    "internalError": "Internal Error",
    "fileIdInUse": "A file already exists with the provided ID.",
}
NO_STORAGE = (
    "Service Accounts do not have storage quota. Leverage shared drives "
    "(https://developers.google.com/workspace/drive/api/guides/about-shareddrives), or use OAuth delegation "
    "(http://support.google.com/a/answer/7281227) instead."
)
DAILY_CAP = "User rate limit exceeded."
HTML = (
    b"<!DOCTYPE html>\n<html lang=en><title>Error 502 (Server Error)!!1</title><p><b>502.</b> <ins>That's an error."
    b"</ins><p>The server encountered a temporary error and could not complete your request.</html>"
)


def refusal(status: int, reason: str, message: str | None = None, headers: Mapping[str, str] | None = None) -> Response:
    """An error as Drive words it."""
    text = message or MESSAGES.get(reason, reason)
    domain = "usageLimits" if "Limit" in reason or "uota" in reason or reason == "accessNotConfigured" else "global"
    error: dict[str, object] = {
        "code": status,
        "message": text,
        "errors": [{"domain": domain, "reason": reason, "message": text}],
    }
    if status == 429:
        error["status"] = "RESOURCE_EXHAUSTED"
    return answer({"error": error}, status, headers)


def bad_gateway() -> Response:
    """What the front door says when nobody is behind it: a page."""
    return Response(502, HTML, "text/html; charset=UTF-8")


def not_found(file_id: str) -> Response:
    """A file that is not there, or that this login may not see: Drive does not tell them apart."""
    return refusal(404, "notFound", f"File not found: {file_id}.")
