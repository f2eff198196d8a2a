# TensorFlow 2.21 with its own CUDA libraries; the host needs NVIDIA's driver and container toolkit.
#   docker build -f cluster/tf2.Dockerfile -t two-head:tf2 .
#   docker run --gpus all -v $PWD/checkpoints:/app/checkpoints two-head:tf2
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt requirements-gpu.txt ./
RUN pip install --no-cache-dir -r requirements-gpu.txt
COPY . .
CMD ["python", "main.py"]
