"""The methods of Drive v3 on the fake's world: what each answers, and which one a request asks for."""

import json
from collections.abc import Callable
from typing import Any

from tests.fakes.drive_errors import not_found, refusal
from tests.fakes.drive_faults import Fault
from tests.fakes.drive_files import FILE_FIELDS, USER, File
from tests.fakes.drive_http import Request, Response, answer
from tests.fakes.drive_queries import BadQueryError, predicate, select, selection
from tests.fakes.drive_uploads import Uploads, check_properties
from tests.fakes.drive_world import World, new_id

DEFAULT_FIELDS = "kind,id,name,mimeType"


class Api:
    """Drive v3, as far as it is used."""

    def __init__(self, world: World, uploads: Uploads) -> None:
        self._world = world
        self._uploads = uploads
        self.page_limit = 1000

    def _file(self, file: File, request: Request) -> Response:
        document = self._world.document(file, request.principal or file.owner or USER)
        return answer(self._selected(document, request.query.get("fields", DEFAULT_FIELDS)))

    def _selected(self, document: dict[str, Any], fields: str) -> Any:
        tree = selection(fields)
        if unknown := tree.keys() - FILE_FIELDS:
            raise BadQueryError(sorted(unknown)[0])
        return select(document, tree)

    def about(self, request: Request, _: Fault | None) -> Response:
        if "fields" not in request.query:
            return refusal(400, "required", "The 'fields' parameter is required for this method.")
        limit = self._world.quota_bytes.get(request.principal, 0)
        usage = str(self._world.usage(request.principal))
        quota = {"usage": usage, "usageInDrive": usage, "usageInDriveTrash": "0"}
        if limit is not None:
            quota["limit"] = str(limit)
        document = {"user": {"emailAddress": request.principal, "displayName": "Backups"}, "storageQuota": quota}
        return answer(select(document, selection(request.query["fields"])))

    def generate_ids(self, request: Request, _: Fault | None) -> Response:
        count = int(request.query.get("count", 10))
        if not 1 <= count <= 1000:
            return refusal(400, "invalid", "Invalid value. Values must be within the range: [1, 1000]")
        return answer({"kind": "drive#generatedIds", "space": "drive", "ids": self._world.ids(count)})

    def create(self, request: Request, _: Fault | None) -> Response:
        metadata = json.loads(bytes(request.body.read_all()) or b"{}")
        check_properties(metadata)
        with self._world.lock:
            parent = self._world.parent_for(request.principal, metadata, request.query)
            if metadata.get("id"):
                self._world.check_id(metadata["id"])
            # A folder takes no room, so that even a service account may own one.
            made = File(
                metadata.get("id") or new_id(),
                metadata.get("name", "Untitled"),
                metadata.get("mimeType", "application/octet-stream"),
                parent.id,
                request.principal,
                drive=parent.drive,
                app_properties=metadata.get("appProperties", {}),
            )
            if not made.is_folder:
                self._world.check_room(request.principal, parent, 0)
            return self._file(self._world.add(request.principal, parent, metadata, made), request)

    def get(self, request: Request, _: Fault | None) -> Response:
        return self._file(self._world.seen(request.principal, _id(request), request.query), request)

    def read(self, request: Request, fault: Fault | None) -> Response:
        # The flag for shared drives is not asked for here (rclone never sends it on downloads).
        file = self._world.seen(request.principal, _id(request), request.query | {"supportsAllDrives": "true"})
        if file.content is None:
            return not_found(file.id)
        content = file.whole()
        if fault and fault.kind == "corrupt":
            content = bytes(len(content))
        return ranged(content, request.headers.get("range"), file.mime)

    def list(self, request: Request, _: Fault | None) -> Response:
        wanted = predicate(request.query.get("q", ""))
        size = min(int(request.query.get("pageSize", 100)), self.page_limit)
        found = []
        for file in self._world.listed(request.principal, request.query):
            document = self._world.document(file, request.principal)
            if wanted(document):
                found.append(document)
        for key in reversed(request.query.get("orderBy", "").split(",")):
            name, _sep, direction = key.strip().partition(" ")
            if name:
                found.sort(key=lambda document, name=name: document[name], reverse=direction == "desc")
        begin = int(request.query.get("pageToken", 0))
        page: dict[str, Any] = {
            "kind": "drive#fileList",
            "incompleteSearch": False,
            "files": found[begin : begin + size],
        }
        if begin + size < len(found):
            page["nextPageToken"] = str(begin + size)
        fields = request.query.get("fields", f"kind,incompleteSearch,nextPageToken,files({DEFAULT_FIELDS})")
        tree = selection(fields)
        if unknown := tree.get("files", {}).keys() - FILE_FIELDS:
            raise BadQueryError(sorted(unknown)[0])
        return answer(select(page, tree))

    def update(self, request: Request, _: Fault | None) -> Response:
        metadata = json.loads(bytes(request.body.read_all()) or b"{}")
        with self._world.lock:
            file = self._world.seen(request.principal, _id(request), request.query)
            if not self._world.may(request.principal, "trash" if metadata.get("trashed") else "add", file):
                return refusal(403, "insufficientFilePermissions")
            file.trashed = metadata.get("trashed", file.trashed)
            file.name = metadata.get("name", file.name)
            file.app_properties |= metadata.get("appProperties", {})
            if "addParents" in request.query:
                file.parent = self._world.seen(request.principal, request.query["addParents"], request.query).id
            self._world.index(file)
        return self._file(file, request)

    def delete(self, request: Request, _: Fault | None) -> Response:
        file = self._world.seen(request.principal, _id(request), request.query)
        if not self._world.may(request.principal, "delete", file):
            return refusal(403, "insufficientFilePermissions")
        self._world.delete(file.id)
        return Response(204)

    def drives(self, request: Request, _: Fault | None) -> Response:
        mine = [d for d in self._world.drives.values() if request.principal in d.members]
        documents = [{"kind": "drive#drive", "id": drive.id, "name": drive.name} for drive in mine]
        if request.path.endswith("/drives"):
            return answer({"kind": "drive#driveList", "drives": documents})
        found = [document for document in documents if document["id"] == _id(request)]
        return answer(found[0]) if found else not_found(_id(request))

    def multipart(self, request: Request, fault: Fault | None) -> Response:
        return self._file(self._uploads.multipart(request, fault), request)

    def media(self, request: Request, _: Fault | None) -> Response:
        return self._file(self._uploads.media(request), request)

    def start(self, request: Request, _: Fault | None) -> Response:
        return self._uploads.start(request)

    def cancel(self, request: Request, _: Fault | None) -> Response:
        return self._uploads.cancel(request)

    def chunk(self, request: Request, fault: Fault | None) -> Response:
        done = self._uploads.chunk(request, fault)
        return self._file(done, request) if isinstance(done, File) else done

    def unknown(self, request: Request, _: Fault | None) -> Response:
        return Response(404, b"Not Found", "text/html; charset=UTF-8")


def ranged(content: bytes, wanted: str | None, mime: str) -> Response:
    """Content, or the part of it that a ``Range`` asks for."""
    if not wanted or not wanted.startswith("bytes="):
        return Response(200, content, mime)
    first_text, _, last_text = wanted.removeprefix("bytes=").partition("-")
    first = int(first_text) if first_text else max(len(content) - int(last_text), 0)
    last = min(int(last_text), len(content) - 1) if last_text and first_text else len(content) - 1
    if first > last:
        whole = {"Content-Range": f"bytes */{len(content)}"}
        return refusal(416, "requestedRangeNotSatisfiable", "Request range not satisfiable", whole)
    headers = {"Content-Range": f"bytes {first}-{last}/{len(content)}"}
    return Response(206, [memoryview(content)[first : last + 1]], mime, headers)


def _id(request: Request) -> str:
    return request.path.rsplit("/", 1)[1]


def name_of(request: Request) -> str:
    """What a request asks for."""
    path, method = request.path, request.method
    if path == "/token":
        return "token"
    if path.startswith(("/upload/drive/v3/files", "/resumable/upload/drive/v3/files")):
        return _upload_name(request)
    path = path.removeprefix("/drive/v3/")
    if path == "about":
        return "about.get"
    if path == "files/generateIds":
        return "files.generateIds"
    if path == "files":
        return "files.create" if method == "POST" else "files.list"
    if path.startswith("drives"):
        return "drives.get"
    if not path.startswith("files/"):
        return "unknown"
    if method == "GET":
        return "files.read" if request.query.get("alt") == "media" else "files.get"
    return {"PATCH": "files.update", "DELETE": "files.delete"}.get(method, "unknown")


def _upload_name(request: Request) -> str:
    if "upload_id" in request.query:
        if request.method == "DELETE":
            return "upload.cancel"
        said = request.headers.get("content-range", "")
        return "upload.status" if said.startswith("bytes */") else "upload.chunk"
    kind = request.query.get("uploadType", "media")
    return {"resumable": "upload.start", "multipart": "upload.multipart", "media": "upload.media"}.get(kind, "unknown")


Answer = Callable[[Api, Request, Fault | None], Response]
ANSWERS: dict[str, Answer] = {
    "about.get": Api.about,
    "files.generateIds": Api.generate_ids,
    "files.create": Api.create,
    "files.get": Api.get,
    "files.read": Api.read,
    "files.list": Api.list,
    "files.update": Api.update,
    "files.delete": Api.delete,
    "drives.get": Api.drives,
    "upload.multipart": Api.multipart,
    "upload.media": Api.media,
    "upload.start": Api.start,
    "upload.chunk": Api.chunk,
    "upload.status": Api.chunk,
    "upload.cancel": Api.cancel,
    "unknown": Api.unknown,
}
